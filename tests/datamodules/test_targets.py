from pathlib import Path

import numpy as np
import pytest

from datamodules.cases import Case, CaseTable
from datamodules.data_info import LabelSet
from datamodules.errors import DataError
from datamodules.targets import target_matrix

PNEUMONIA = LabelSet.from_classes(("normal", "pneumonia"))


def table(*classes, **findings):
    targets = [{"class": name} for name in classes] + [{"findings": findings}] * bool(findings)
    cases = [Case(str(n), str(n), {}, each) for n, each in enumerate(targets)]
    return CaseTable("other", Path(), tuple(cases), classes=tuple(dict.fromkeys(classes)))


def test_a_class_holds_or_does_not():
    matrix = target_matrix(table("pneumonia", "normal"), PNEUMONIA)
    assert matrix.tolist() == [[1], [0]]


@pytest.mark.parametrize("classes", [("0", "1"), ("normal", "Pneumonia"), ("normal", "tb")])
def test_a_class_that_the_model_does_not_know_is_not_negative(classes):
    with pytest.raises(DataError, match="the model knows 'normal', 'pneumonia'; write") as caught:
        target_matrix(table(*classes), PNEUMONIA)
    assert f"'{classes[1]}'" in str(caught.value)


def test_an_exclusive_set_of_classes_is_closed():
    labels = LabelSet.from_classes(("a", "b", "c"))
    assert target_matrix(table("b", "c"), labels).tolist() == [[0, 1, 0], [0, 0, 1]]
    with pytest.raises(DataError, match="does not know: 'd'"):
        target_matrix(table("b", "d"), labels)


def test_a_model_of_findings_takes_a_word_for_none_of_them():
    labels = LabelSet(("mass", "nodule"), exclusive=False)
    assert target_matrix(table("mass", "Normal"), labels).tolist() == [[1, 0], [0, 0]]
    with pytest.raises(DataError, match="does not know: '0', '1'"):
        target_matrix(table("0", "1"), labels)


def test_findings_that_are_not_known_stay_so():
    matrix = target_matrix(table(mass=1.0, nodule=None), LabelSet(("mass", "nodule"), False))
    np.testing.assert_array_equal(matrix, [[1, np.nan]])
