from pathlib import Path

import numpy as np

from datamodules.cases import Case, CaseTable
from datamodules.data_info import LabelSet
from datamodules.doctor.balance import LabelCount, examine_balance

NAN = np.nan


def examine(targets, sides, *names, exclusive=False):
    """Counts and problems of targets (rows of labels) on the sides named by their first letters."""
    words = {"r": "train", "v": "val", "t": "test", "x": "excluded"}
    cases = tuple(Case(str(number), str(number), {}) for number in range(len(targets)))
    splits = {case.case_id: words[side] for case, side in zip(cases, sides, strict=True)}
    labels = LabelSet(names, exclusive)
    return examine_balance(
        CaseTable("t", Path(), cases), labels, np.array(targets, np.float32), splits
    )


def test_outcomes_are_counted_on_each_side():
    targets = [[1], [0], [0], [0], [NAN], [1], [0], [1]]
    counts, problems = examine(targets, "rrrrrvvx", "ill")
    assert counts == [LabelCount("ill", "train", 1, 3, 3.0), LabelCount("ill", "val", 1, 1, 1.0)]
    assert problems == []


def test_the_factor_of_a_class_is_to_the_most_frequent_one():
    targets = [[1, 0, 0]] * 6 + [[0, 1, 0]] * 2 + [[0, 0, 1]] * 3
    counts, _ = examine(targets * 2, "r" * 11 + "v" * 11, "a", "b", "c", exclusive=True)
    assert [count.factor for count in counts[:3]] == [1.0, 3.0, 2.0]


def test_more_than_twenty_to_one_is_a_warning_that_names_the_sides():
    rare, even = [[1]] + [[0]] * 21, [[1]] + [[0]] * 20
    _, (problem,) = examine(rare + even, "r" * 22 + "v" * 21, "ill")
    assert (str(problem), problem.severity) == ("'ill': 1 to 21 in train", "warning")
    _, (problem,) = examine([[1 - row[0]] for row in rare + even], "r" * 22 + "v" * 21, "ill")
    assert str(problem) == "'ill': 1 to 21 in train"


def test_an_outcome_that_a_side_lacks_is_a_warning():
    targets = [[1, 1], [0, 0], [0, 1], [1, 1]]
    counts, problems = examine(targets, "rrvv", "a", "b")
    assert [str(problem) for problem in problems] == ["'b' has no negative case in val"]
    assert problems[0].severity == "warning"
    assert counts[-1] == LabelCount("b", "val", 2, 0, None)


def test_training_cases_that_are_all_alike_are_an_error():
    _, problems = examine([[0], [0], [1], [0]], "rrvv", "ill")
    assert [problem.severity for problem in problems] == ["error", "warning"]
    assert "nothing to learn" in problems[0].message


def test_a_side_without_a_known_label_is_an_error():
    counts, (problem,) = examine([[0], [1], [NAN]], "rrv", "ill")
    assert counts == []
    assert problem.message.startswith("no case with a known label is left for val")
