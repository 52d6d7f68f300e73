import numpy as np
import pytest

from lightning_modules.metrics.subgroups import subgroups


def sizes(name, values):
    cases = [f"c{i}" for i in range(len(values))]
    attributes = {case: {name: value} for case, value in zip(cases, values, strict=True)}
    return {group: len(own) for group, own in subgroups(cases, attributes).items()}


def test_text_is_taken_as_it_is():
    assert sizes("view", ["PA", "AP", "PA"]) == {"view=AP": 1, "view=PA": 2}


def test_age_falls_into_bands_in_order():
    ages = [70.0, 0.0, 17.9, 18.0, 39.0, 40.0, 64.0, 65.0, 101.0]
    bands = {"age=0-17": 2, "age=18-39": 2, "age=40-64": 2, "age=65+": 3}
    assert list(sizes("age", ages).items()) == list(bands.items())


@pytest.mark.parametrize("name", ["Patient Age", "age_years", "AGE"])
def test_age_is_known_by_its_word(name):
    assert sizes(name, [30.0, 50.0]) == {f"{name}=18-39": 1, f"{name}=40-64": 1}


def test_impossible_age_is_not_given():
    assert sizes("age", [30.0, 411.0, -1.0]) == {"age=18-39": 1, "age=not given": 2}


def test_other_numbers_fall_into_tertiles():
    groups = sizes("stage_mm", [float(value) for value in range(1, 10)])
    assert list(groups.values()) == [3, 3, 3]
    assert next(iter(groups)).startswith("stage_mm=up to 3.6")


def test_few_numbers_are_values():
    assert sizes("reader", [2.0, 1.0, 2.0]) == {"reader=1": 1, "reader=2": 2}


@pytest.mark.parametrize("missing", [None, "", np.nan])
def test_missing_value_is_a_group_of_its_own_and_last(missing):
    assert list(sizes("sex", ["M", missing, "W"])) == ["sex=M", "sex=W", "sex=not given"]


def test_attribute_that_some_cases_lack_leaves_them_not_given():
    groups = subgroups(["a", "b", "c"], {"a": {"sex": "M"}, "b": {}})
    assert groups == {"sex=M": ["a"], "sex=not given": ["b", "c"]}


def test_attribute_that_names_cases_is_left_out():
    assert sizes("accession", [f"number {i}" for i in range(51)]) == {}


def test_attribute_without_any_value_is_left_out():
    assert sizes("sex", [None, None]) == {}


def test_only_the_cases_asked_for_are_grouped():
    assert subgroups(["a"], {"a": {"sex": "M"}, "b": {"sex": "W"}}) == {"sex=M": ["a"]}
