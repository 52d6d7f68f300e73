import json
from pathlib import Path

from datamodules.cases import Case, CaseTable
from datamodules.doctor.balance import LabelCount
from datamodules.doctor.examination import Examination
from datamodules.problems import Kind, Problem
from experiments.examination_text import as_facts, as_text, exit_code

CASES = tuple(Case(f"c{n}", f"p{n // 2}", {}) for n in range(6))
TABLE = CaseTable("films", Path("/secret/place"), CASES)
SIDES = ("train", "train", "train", "val", "test", "excluded")
SPLITS = {case.case_id: side for case, side in zip(CASES, SIDES, strict=True)}
COUNTS = [
    LabelCount("ill", "train", 2, 1, 2.0),
    LabelCount("ill", "val", 1, 0, None),
    LabelCount("ill", "test", 1200, 24, 50.0),
]


def problems(severity, count=1, kind=Kind.LABEL):
    return [Problem(kind, f"row {n}", "is 7", severity) for n in range(count)]


def text(*found, films=None, **options):
    return as_text(Examination(TABLE, list(found), SPLITS, films, COUNTS), "mine", **options)


def test_the_exit_code_is_that_of_the_worst_problem():
    assert exit_code(Examination(TABLE, [])) == 0
    assert exit_code(Examination(TABLE, problems("notice"))) == 0
    assert exit_code(Examination(TABLE, problems("notice") + problems("warning"))) == 4
    assert exit_code(Examination(TABLE, problems("warning") + problems("error"))) == 5


def test_the_report_says_what_was_looked_at():
    assert text().startswith("films: 6 cases of 3 patients; images were not opened")
    assert text(films={}).startswith("films: 6 cases of 3 patients; 0 images read to their end")
    assert as_text(Examination(None, problems("error")), "mine").startswith("mine: no case could")


def test_problems_are_grouped_by_kind_the_worst_first():
    notes = [Problem(Kind.NOTE, "", "drawn", "notice")]
    small = [Problem(Kind.SMALL, "", "3 of 6", "warning")]
    lines = text(*notes, *small, *problems("error", 2)).splitlines()
    assert lines[2:5] == ["error: labels: 2", "  - row 0: is 7", "  - row 1: is 7"]
    assert lines[6:8] == ["warning: small images: 1", "  - 3 of 6"]
    assert lines[10:12] == ["notes", "  - drawn"]


def test_twenty_of_a_kind_are_shown_unless_all_are_asked_for():
    found = problems("error", 25) + problems("error", 21, Kind.BOX)
    assert text(*found).count("is 7") == 40
    assert "  ... and 5 more (--all lists them)" in text(*found)
    assert text(*found, shown=None).count("is 7") == 46


def test_counts_stand_in_columns_with_their_factor():
    table = text().split("\n\n")[1].splitlines()
    assert [line.split() for line in table[:3]] == [
        ["train", "val", "test"],
        ["cases", "3", "1", "1", "excluded", "1"],
        ["ill", "2", ":", "1", "x2", "1", ":", "0", "1,200", ":", "24", "x50"],
    ]
    assert table[0].index("val") == table[1].index("1") == table[2].index("1 : 0")


def test_the_last_line_says_what_it_means():
    assert text(films={}).splitlines()[-1] == "nothing is wrong"
    assert text().splitlines()[-1].endswith("without opening the images")
    warned = text(*problems("warning"), films={}).splitlines()[-1]
    assert warned.startswith("no errors and 1 warning: a run goes on")
    refused = text(*problems("error", 2), films={}).splitlines()[-1]
    assert refused.startswith("2 errors and no warnings: a run refuses")


def test_programs_get_all_of_it_and_no_place_on_this_machine():
    found = Examination(TABLE, problems("error", 30) + problems("warning"), SPLITS, {}, COUNTS)
    facts = json.loads(json.dumps(as_facts(found, "mine")))
    assert (facts["dataset"], facts["cases"], facts["exit_code"]) == ("films", 6, 5)
    assert facts["counts"] == {"error": {"label": 30}, "warning": {"label": 1}, "notice": {}}
    assert facts["problems"][7]["where"] == "row 7"
    assert facts["splits"] == {"train": 3, "val": 1, "test": 1, "excluded": 1}
    assert facts["labels"][2]["factor"] == 50.0
    assert "secret" not in json.dumps(facts)
