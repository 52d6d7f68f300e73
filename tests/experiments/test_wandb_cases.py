import numpy as np
import pytest
from fakes.evaluated_runs import evaluated_run

from datamodules.data_info import LabelSet
from experiments.wandb_cases import (
    LONGEST_SIDE,
    MISTAKES,
    RIGHT,
    UNCERTAIN,
    cases_table,
    choose_cases,
)
from experiments.wandb_tracking import hashed_id
from lightning_modules.metrics.decisions import thresholds

NODULE = LabelSet(("Nodule",), exclusive=False)
THREE = LabelSet(("a", "b", "c"), exclusive=True)


@pytest.fixture(autouse=True)
def own_key(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))


def row(case_id, *pairs):
    scores, targets = zip(*pairs, strict=True)
    return {"case_id": case_id, "patient_id": case_id, "scores": [*scores], "targets": [*targets]}


def many(count=1000):
    random = np.random.default_rng(0)
    targets = random.integers(0, 2, count)
    scores = np.clip(random.normal(0.3 + 0.4 * targets, 0.2), 0, 1)
    return [row(f"{at:04d}", each) for at, each in enumerate(zip(scores, targets, strict=True))]


def ids(cases, kind):
    return [case.row["case_id"] for case in cases if case.kind == kind]


def test_each_case_is_there_once_and_each_kind_has_its_share():
    cases = choose_cases(many(), NODULE, {"Nodule": 0.5}, seed=0)
    assert len({case.row["case_id"] for case in cases}) == len(cases)
    shares = [len(ids(cases, kind)) for kind in ("mistake", "uncertain", "right")]
    assert shares == [MISTAKES, UNCERTAIN, RIGHT]


def test_mistakes_are_wrong_and_wider_than_those_left_out():
    rows = many()
    wrong = {
        r["case_id"]: abs(r["scores"][0] - 0.5)
        for r in rows
        if (r["scores"][0] >= 0.5) != bool(r["targets"][0])
    }
    missed = {r["case_id"] for r in rows if r["targets"][0] == 1 and r["case_id"] in wrong}
    shown = set(ids(choose_cases(rows, NODULE, {"Nodule": 0.5}, seed=0), "mistake"))
    assert shown <= set(wrong)
    for group in (missed, set(wrong) - missed):
        assert len(group & shown) == MISTAKES // 2
        assert min(wrong[i] for i in group & shown) >= max(wrong[i] for i in group - shown)


def test_least_certain_of_the_others_come_next():
    rows = many()
    cases = choose_cases(rows, NODULE, {"Nodule": 0.5}, seed=0)
    others = [r for r in rows if r["case_id"] not in ids(cases, "mistake")]
    nearest = sorted(others, key=lambda r: abs(r["scores"][0] - 0.5))[:UNCERTAIN]
    assert ids(cases, "uncertain") == [r["case_id"] for r in nearest]


def test_cases_drawn_by_chance_are_right_and_follow_the_seed():
    drawn = [choose_cases(many(), NODULE, {"Nodule": 0.5}, seed) for seed in (0, 0, 1)]
    assert all(case.right for case in drawn[0] if case.kind == "right")
    assert drawn[0] == drawn[1]
    assert ids(drawn[0], "right") != ids(drawn[2], "right")


def test_case_wrong_on_two_labels_is_shown_for_the_wider():
    labels = LabelSet(("x", "y"), exclusive=False)
    (case,) = choose_cases([row("1", (0.6, 0.0), (0.1, 1.0))], labels, {}, seed=0)
    assert (case.kind, case.output, case.confidence) == ("mistake", 1, pytest.approx(0.4))


def test_label_that_is_not_known_is_not_what_a_case_is_uncertain_about():
    labels = LabelSet(("x", "y"), exclusive=False)
    (case,) = choose_cases([row("1", (0.51, None), (0.9, 1.0))], labels, {}, seed=0)
    assert (case.kind, case.output, case.confidence) == ("uncertain", 1, pytest.approx(0.4))


def test_case_without_any_known_label_is_passed_over():
    assert choose_cases([row("1", (0.9, None))], NODULE, {}, seed=0) == []


def test_exclusive_classes_are_uncertain_when_the_second_is_near():
    rows = [
        row("sure", (0.9, 1.0), (0.1, 0.0), (0.0, 0.0)),
        row("torn", (0.1, 0.0), (0.42, 0.0), (0.48, 1.0)),
    ]
    torn, sure = choose_cases(rows, THREE, {}, seed=0)
    assert (torn.row["case_id"], torn.output, torn.confidence) == ("torn", 2, pytest.approx(0.06))
    assert (sure.row["case_id"], sure.output, sure.right) == ("sure", 0, True)


def made_table(run, images):
    return cases_table(run.module, run.data, run.folder.metrics(), seed=0, images=images)[
        "tables/cases"
    ]


@pytest.mark.parametrize("labels", [NODULE, THREE, LabelSet(("x", "y"), exclusive=False)])
def test_table_says_truth_decision_and_probabilities(tmp_path, labels):
    run = evaluated_run(tmp_path, labels)
    table = made_table(run, images=False)
    shown = {line[0]: dict(zip(table.columns, line, strict=True)) for line in table.data}
    for split in ("val", "test"):
        for each in run.module.rows[split]:
            found = shown[hashed_id(each["case_id"])]
            expected = run.module.table_row(each, run.point)
            assert found["split"] == split
            assert found["decision"] == expected["decision"]
            assert found[f"probability/{labels.names[0]}"] == pytest.approx(
                each["scores"][0], abs=1e-4
            )
            if None not in each["targets"]:
                assert found["right"] == (found["truth"] == found["decision"])


def test_labels_not_known_are_counted(tmp_path):
    run = evaluated_run(tmp_path, LabelSet(("x", "y"), exclusive=False))
    run.module.rows["val"] = [row("film-00000", (0.9, 1.0), (0.2, None))]
    table = made_table(run, images=False)
    assert table.data[0][table.columns.index("truth")] == "x (1 not known)"


def test_image_and_evidence_stand_in_the_table_only_where_they_may(tmp_path):
    run = evaluated_run(tmp_path)
    with_images, without = made_table(run, images=True), made_table(run, images=False)
    assert set(with_images.columns) - set(without.columns) == {"image", "evidence"}
    line = dict(zip(with_images.columns, with_images.data[0], strict=True))
    assert line["image"].image.mode == "L"
    assert line["evidence"].image.mode == "RGB"
    assert line["image"].image.size == line["evidence"].image.size == (28, 28)


def test_large_images_are_made_small_and_a_network_without_evidence_leaves_it_out(
    tmp_path, monkeypatch
):
    run = evaluated_run(tmp_path, cases=16, size=300)
    monkeypatch.setattr(type(run.module.network), "attention_layer", "nowhere")
    table = made_table(run, images=True)
    line = dict(zip(table.columns, table.data[0], strict=True))
    assert line["image"].image.size == (LONGEST_SIDE, LONGEST_SIDE)
    assert line["evidence"] is None


def test_task_without_such_cases_has_no_table(tmp_path):
    run = evaluated_run(tmp_path)
    assert cases_table(object(), run.data, run.folder.metrics(), seed=0, images=True) == {}


def test_thresholds_are_those_of_the_operating_point(tmp_path):
    run = evaluated_run(tmp_path)
    (threshold,) = thresholds(run.point).values()
    table = made_table(run, images=False)
    at = {name: table.columns.index(name) for name in ("decision", "probability/Nodule")}
    for line in table.data:
        called = line[at["decision"]] == "Nodule"
        assert called == (line[at["probability/Nodule"]] >= round(threshold, 4))
