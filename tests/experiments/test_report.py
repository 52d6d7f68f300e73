import json
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
from fakes.evaluated_runs import FINDINGS, ROOT, evaluated_run
from fakes.skeletons import SkeletonSegmenter, SquaresData
from sklearn.metrics import roc_auc_score

from datamodules.configs.data import DataSettings
from datamodules.data_info import LabelSet
from datamodules.whole_files import write_whole
from experiments.figures.drawing import draw_run
from experiments.metrics_file import metrics_text
from experiments.report import main
from experiments.reporting.content import write_facts
from experiments.reporting.facts import collect
from experiments.reporting.page import render, write_report


class Page(HTMLParser):
    """What a browser would make of a page: its elements, its text, and the rows of its tables."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.rows, self._open, self._said = [], [], [], []
        self.feed(text)
        self.text = " ".join(" ".join(self._said).split())

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th") and self.rows:
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data):
        if "style" in self._open:
            return
        self._said.append(data)
        if ("td" in self._open or "th" in self._open) and "small" not in self._open:
            self.rows[-1][-1] += data.strip()

    def row(self, name):
        """Cells of the first row of this name."""
        return next(row for row in self.rows if row and row[0] == name)[1:]


def report(run, figures=False):
    write_facts(run.folder, collect(run.module, run.data, run.folder, run.point))
    if figures:
        draw_run(run.module, run.data, run.folder, run.point)
    write_report(run.folder)
    return Page(run.folder.report_file.read_text())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return evaluated_run(tmp_path_factory.mktemp("runs"), cases=240)


@pytest.fixture(scope="module")
def page(run):
    return report(run, figures=True)


def scores_and_targets(run, split="test"):
    rows = run.module.rows[split]
    scores, targets = ([row[name][0] for row in rows] for name in ("scores", "targets"))
    return np.array(scores), np.array(targets)


def test_page_asks_for_nothing_from_outside(page):
    addresses = [
        attributes[name]
        for _, attributes in page.elements
        for name in ("src", "href")
        if name in attributes
    ]
    assert addresses
    assert all(address.startswith(("data:image/png;base64,", "#")) for address in addresses)
    assert not {"script", "link", "iframe"} & {tag for tag, _ in page.elements}


def test_every_figure_of_the_run_is_shown_with_words_for_who_cannot_see_it(page, run):
    images = [attributes for tag, attributes in page.elements if tag == "img"]
    assert len(images) == len(list(run.folder.figures.glob("*.png"))) == 7
    assert all(len(attributes["alt"]) > 40 for attributes in images)


def test_links_of_the_contents_lead_somewhere(page):
    targets = {attributes.get("id") for _, attributes in page.elements}
    links = {attributes["href"][1:] for tag, attributes in page.elements if tag == "a"}
    assert links
    assert links <= targets


def test_summary_says_auroc_and_decisions_as_scikit_learn_and_counting_find_them(page, run):
    scores, targets = scores_and_targets(run)
    called = scores >= run.point["Nodule"]["threshold"]
    found, alarms = int((called & (targets == 1)).sum()), int((called & (targets == 0)).sum())
    assert f"with an AUROC of {roc_auc_score(targets, scores):.2f} (95" in page.text
    assert f"finds {found} of {int(targets.sum())} images" in page.text
    assert f"false alarm in {alarms} of {int((1 - targets).sum())} without" in page.text


def test_data_table_counts_cases_patients_and_labels_of_every_split(page, run):
    splits = [run.data.indices(name) for name in ("train", "val", "test")]
    cases = run.data.table.cases
    patients = [len({cases[index].patient_id for index in indices}) for indices in splits]
    positives = [int(run.data.targets[indices].sum()) for indices in splits]
    assert page.row("Images") == [str(len(indices)) for indices in splits]
    assert page.row("Patients") == [str(count) for count in patients]
    assert [cell.split()[0] for cell in page.row("Nodule")] == [str(count) for count in positives]


def test_subgroups_have_their_size_and_their_own_auroc(page, run):
    cases = run.data.table.cases
    rows = {row["case_id"]: row for row in run.module.rows["test"]}
    group = [rows[c.case_id] for c in cases if c.case_id in rows and c.attributes["sex"] == "F"]
    truth = [row["targets"][0] for row in group]
    auroc = roc_auc_score(truth, [row["scores"][0] for row in group])
    cells = [row for row in page.rows if row[0] == "F"][1]
    assert cells[1] == str(len(group))
    assert cells[3] == f"{auroc:.3f}"


def test_subgroup_of_a_handful_of_cases_has_no_figures_but_a_reason(page):
    cells = [row for row in page.rows if row[0] == "South"][1]
    assert int(cells[1]) < 10
    assert cells[3:] == ["\N{EN DASH}a"] * 3
    assert "too few to say anything" in page.text


def test_page_names_no_place_on_this_machine_and_no_patient(page, run):
    assert "patient-0" not in page.text
    for place in (ROOT, str(run.folder.path), str(run.folder.path.parent.parent)):
        assert place not in run.folder.report_file.read_text()


def test_page_shows_what_was_left_out_and_what_the_reader_noticed(page):
    assert "1 image left out as identical copies" in page.text
    assert "The films are drawn and show no patients." in page.text
    assert "'film-00000' (train) excluded: identical to 'film-00005' (val)" in page.text


def test_page_says_which_epoch_was_kept_and_which_revision_opened_the_test_set(page):
    assert "8 of at most 30; the weights are those after epoch 6" in page.text
    assert page.row("Time")[:2] == ["Opened by", "Split"]
    assert "0be75a70be75 with changes" in page.text


def test_report_is_rebuilt_from_the_folder_alone_wherever_it_lies(page, run, tmp_path, capsys):
    moved = tmp_path / "elsewhere" / "fake-xray" / run.folder.path.name
    shutil.copytree(run.folder.path, moved)
    (moved / "report.html").unlink()
    assert main([str(moved)]) == 0
    assert capsys.readouterr().out.strip().endswith("report.html")
    assert (moved / "report.html").read_text() == run.folder.report_file.read_text()


def test_shared_page_names_no_case(page, run):
    shared = Page(render(run.folder, shared={}))
    assert "film-0" in page.text
    assert "film-0" not in shared.text
    assert "The films are drawn and show no patients." in shared.text


def test_names_from_the_data_are_text_and_never_markup(tmp_path):
    evil = LabelSet(('<script>alert("1")</script>',), exclusive=False, negative="<b>&amp;")
    run = evaluated_run(tmp_path, evil)
    run.data.notices.append("case '<img src=x onerror=alert(2)>' is odd")
    page = report(run)
    assert not [tag for tag, _ in page.elements if tag in ("script", "b", "img")]
    assert '<script>alert("1")</script>' in page.text
    assert "<b>&amp;" in page.text


def test_undefined_figure_is_a_dash_with_its_reason(tmp_path):
    page = report(evaluated_run(tmp_path, positives_in_test=False))
    assert page.row("AUROC")[0] == "\N{EN DASH}a"
    assert "a no positive case" in page.text
    assert "No test image is positive for \N{LEFT DOUBLE QUOTATION MARK}Nodule" in page.text


def test_without_a_test_set_the_page_says_that_its_results_are_optimistic(tmp_path):
    page = report(evaluated_run(tmp_path, test=False))
    assert "No test set was held out" in page.text
    assert "No held-out split was opened." in page.text
    assert page.rows[0][1:2] == ["Value"]
    assert len(page.row("Images")) == 2


def test_dataset_without_patients_is_said_to_be_one(tmp_path):
    page = report(evaluated_run(tmp_path, has_patients=False))
    assert "does not say which images are of one patient" in page.text
    assert not [row for row in page.rows if "Patients" in row]


def test_many_labels_have_a_row_each_and_a_mean(tmp_path):
    run = evaluated_run(tmp_path, LabelSet(FINDINGS, exclusive=False), cases=120)
    page = report(run)
    metrics = json.loads(run.folder.metrics_file.read_text())["test"]
    names = ("auroc", "average_precision", "brier", "log_loss", "ece")
    assert "the mean AUROC over 14 labels is" in page.text
    assert ["Hernia", *(f"{metrics[f'{name}/Hernia']['value']:.3f}" for name in names)] in page.rows
    assert ["Mean", *(f"{metrics[name]['value']:.3f}" for name in names)] in page.rows


def test_classes_that_exclude_one_another_are_told_by_the_likeliest(tmp_path):
    run = evaluated_run(tmp_path, LabelSet(("a", "b", "c"), exclusive=True))
    rows = run.module.rows["test"]
    right = sum(int(np.argmax(row["scores"])) == row["targets"].index(1) for row in rows)
    page = report(run)
    assert f"names the right one of 3 classes in {right} of {len(rows)}" in page.text
    assert "there is no threshold to choose" in page.text


def test_task_of_somebodys_own_has_a_report_too(tmp_path):
    run = evaluated_run(tmp_path)
    module, data = SkeletonSegmenter(), SquaresData(DataSettings(), 0)
    data._table, data.splits = run.data.table, run.data.splits
    for split in ("val", "test"):
        ids = [{k: row[k] for k in ("case_id", "patient_id")} for row in run.module.rows[split]]
        module.rows[split] = [{**row, "tp": 3, "fp": 1, "fn": 1} for row in ids]
    figures = {k: v.to_dict() for k, v in module.final_figures(module.rows["test"], {}, 0).items()}
    write_whole(run.folder.metrics_file, metrics_text({"test": figures, "operating_point": {}}))
    write_facts(run.folder, collect(module, data, run.folder, {}))
    draw_run(module, data, run.folder, {})
    page = Page(render(run.folder))
    assert "test cases of 7 patients, the model reaches dice 0.75" in page.text
    assert [path.stem for path in run.folder.figures.glob("*.png")] == ["learning_curves"]
    assert "resnet18" not in page.text


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("report.json", None, "has no report.json"),
        ("report.json", '{"format": 1', "is damaged"),
        ("report.json", "[]", "is damaged"),
        ("report.json", '{"format": 99}', "is of another version"),
        ("metrics.json", None, "has no final figures yet"),
    ],
)
def test_folder_that_is_not_complete_is_one_message(run, page, tmp_path, capsys, name, text, said):
    copy = tmp_path / "fake-xray" / "20261121-120000-ab12"
    shutil.copytree(run.folder.path, copy)
    (copy / name).unlink()
    if text is not None:
        (copy / name).write_text(text)
    assert main([str(copy)]) == 2
    assert said in capsys.readouterr().err


def test_folder_that_is_no_run_is_one_message(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert "is not a run folder" in capsys.readouterr().err
