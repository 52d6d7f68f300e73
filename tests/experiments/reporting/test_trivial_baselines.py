import html
import json
import re
from dataclasses import replace

import pytest
from fakes.evaluated_runs import FINDINGS, evaluated_run

from datamodules.data_info import LabelSet
from datamodules.whole_files import write_whole
from experiments.baselines.comparison import compare_with_baselines
from experiments.metrics_file import metrics_text
from experiments.reporting.content import write_facts
from experiments.reporting.facts import collect
from experiments.reporting.page import render
from experiments.reporting.trivial_baselines import (
    baseline_cautions,
    baseline_tables,
    explanation,
)

QUESTION = "Could something trivial explain it?"
GAPS = (0.0, -0.1, 0.01, 0.0, 0.2)
FACTS = {
    "case": "image",
    "labels": {"names": ["Nodule"]},
    "splits": {"train": {"cases": 90}},
    "subgroups": [{"attribute": "view"}],
}


def figure(value, spread=0.02, **others):
    ends = (None, None) if value is None else (value - spread, value + spread)
    return {"value": value, "low": ends[0], "high": ends[1], "cases": 9, "patients": 9, **others}


def baseline(val, test, difference, features=("age", "sex"), cases=90):
    return {
        "features": list(features),
        "training_cases": cases,
        "val": {"auroc": figure(val), "difference": figure(difference)},
        "test": {"auroc": figure(test), "difference": figure(difference)},
    }


def cautions(facts=FACTS, split="test", **baselines):
    named = {name.replace("_", "/"): each for name, each in baselines.items()}
    return list(baseline_cautions(named, facts, split))


def page_of(run):
    results = json.loads(run.folder.metrics_file.read_text())
    results["baselines"] = compare_with_baselines(run.module, run.data, 100)
    write_whole(run.folder.metrics_file, metrics_text(results))
    write_facts(run.folder, collect(run.module, run.data, run.folder, run.point))
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", render(run.folder))).split())


def with_view_that_tells(run, splits):
    cases = tuple(
        replace(case, attributes={"view": "AP" if told else "PA"})
        for case, target in zip(run.data.table.cases, run.data.targets[:, 0], strict=True)
        for told in [target == 1 if run.data.splits[case.case_id] in splits else hash_of(case)]
    )
    run.data._table = replace(run.data.table, cases=cases)
    return run


def hash_of(case):
    return int(case.case_id[-5:]) // 3 % 2 == 0


def test_a_network_that_is_clearly_better_gets_no_caution():
    assert cautions(acquisition=baseline(0.6, 0.6, 0.3), thumbnail=baseline(0.7, 0.7, 0.2)) == []


@pytest.mark.parametrize(
    ("difference", "verb"), [(0.01, "no better"), (0.0, "no better"), (-0.1, "worse")]
)
def test_a_network_that_is_not_clearly_better_is_said_to_be_so(difference, verb):
    (said,) = cautions(acquisition=baseline(0.8, 0.8, difference))
    assert f"The network is {verb} than logistic regression on age and sex" in said


def test_without_an_interval_the_value_decides():
    known = baseline(0.6, 0.6, 0.01)
    known["test"]["difference"] = figure(0.01) | {"low": None, "high": None}
    assert cautions(acquisition=known) == []
    known["test"]["difference"]["value"] = -0.01
    assert "worse" in cautions(acquisition=known)[0]


def test_labels_on_which_the_network_is_not_clearly_better_are_named():
    known = baseline(0.6, 0.6, 0.3)
    known["test"] |= {
        f"difference/{label}": figure(gap) for label, gap in zip("abcde", GAPS, strict=True)
    }
    (said,) = cautions(acquisition=known)
    assert said.startswith("For \N{LEFT DOUBLE QUOTATION MARK}a\N{RIGHT DOUBLE QUOTATION MARK}, ")
    assert "and 1 more the network is not clearly better than" in said
    assert "e\N{RIGHT DOUBLE QUOTATION MARK}" not in said
    assert "chance explains" not in explanation({"acquisition": known}, FACTS, "test")


def test_a_shortcut_that_does_not_carry_over_is_named():
    (said,) = cautions(
        acquisition=baseline(0.94, 0.5, 0.2),
        acquisition_view=baseline(0.95, 0.5, 0.2, features=["view"]),
    )
    assert said.startswith("Logistic regression on view alone predicts")
    assert "in validation images (AUROC 0.95), but not in test images (0.50)" in said
    assert said.endswith("Compare the subgroups of view.")


def test_a_fall_that_may_be_chance_is_no_shortcut():
    known = baseline(0.7, 0.55, 0.2)
    known["val"]["auroc"] = figure(0.7, spread=0.2)
    assert cautions(acquisition=known) == []


def test_of_many_labels_the_one_that_falls_furthest_is_named():
    known = baseline(0.6, 0.58, 0.2, features=("thumbnail of 16 x 16 pixels",))
    known["val"] |= {"auroc/a": figure(0.6), "auroc/b": figure(0.9)}
    known["test"] |= {"auroc/a": figure(0.6), "auroc/b": figure(0.7)}
    (said,) = cautions({**FACTS, "labels": {"names": ["a", "b"]}}, thumbnail=known)
    assert "a thumbnail of 16 \N{MULTIPLICATION SIGN} 16 pixels alone predicts" in said
    assert "\N{LEFT DOUBLE QUOTATION MARK}b\N{RIGHT DOUBLE QUOTATION MARK}" in said
    assert "but less so in test images (0.70)" in said


def test_validation_alone_cannot_show_a_shortcut():
    known = baseline(0.95, 0.5, 0.2)
    assert cautions(split="val", acquisition={k: v for k, v in known.items() if k != "test"}) == []


def test_what_cannot_be_had_is_a_dash_with_its_reason():
    metrics = {"val": {}, "test": {}, "baselines": {"acquisition": {"reason": "nothing is known"}}}
    (table,) = baseline_tables(metrics, FACTS, "test")
    assert table.rows[0].name == "Patient and acquisition"
    assert [cell.text for cell in table.rows[0].cells] == ["\N{EN DASH}"] * 3
    assert list(table.notes) == ["nothing is known"]


def test_a_difference_has_a_sign():
    metrics = {"val": {}, "test": {}, "baselines": {"thumbnail": baseline(0.9, 0.8, -0.01)}}
    (table,) = baseline_tables(metrics, FACTS, "test")
    assert table.rows[0].cells[-1].text == "\N{MINUS SIGN}0.010"
    assert table.rows[0].cells[-1].detail == "\N{MINUS SIGN}0.030 to +0.010"


def test_training_on_a_part_is_said():
    told = explanation({"thumbnail": baseline(0.6, 0.6, 0.3, cases=50)}, FACTS, "test")
    assert "were fitted on 50 training images" in told
    assert "above each, by more than chance explains" in told


def test_page_shows_validation_and_test_side_by_side_and_names_the_shortcut(tmp_path):
    run = with_view_that_tells(evaluated_run(tmp_path, cases=240), ("train", "val"))
    text = page_of(run)
    known = json.loads(run.folder.metrics_file.read_text())["baselines"]["acquisition/view"]
    areas = [known[split]["auroc"] for split in ("val", "test")]
    shown = [f"{a['value']:.3f} {a['low']:.3f}\N{EN DASH}{a['high']:.3f}" for a in areas]
    assert QUESTION in text
    assert f"View alone {' '.join(shown)}" in text
    assert text.index("Logistic regression on view alone") < text.index("Test results")


def test_page_has_a_table_of_labels_where_there_are_many(tmp_path):
    run = evaluated_run(tmp_path, LabelSet(FINDINGS[:3], exclusive=False), cases=120)
    text = page_of(run)
    table = text[text.index("The same for each label, test") :]
    assert all(name in table for name in FINDINGS[:3])


def test_run_of_before_there_were_baselines_has_a_page_without_them(tmp_path):
    run = evaluated_run(tmp_path)
    write_facts(run.folder, collect(run.module, run.data, run.folder, run.point))
    assert QUESTION not in render(run.folder)
