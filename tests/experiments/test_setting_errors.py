import pytest
from pydantic import ValidationError

from experiments.experiment import Experiment
from experiments.setting_errors import explain


def faults(**values):
    with pytest.raises(ValidationError) as caught:
        Experiment.model_validate({"name": "mine", **values})
    return explain(caught.value, Experiment)


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"seed": -1}, "seed must be at least 0, not -1"),
        ({"name": None}, "name must be text, not None"),
        ({"data": {"workers": [1]}}, "data.workers must be a whole number, not [1]"),
        ({"data": {"labels": "Mass"}}, "data.labels must be a list, not Mass"),
        ({"data": {"split": {"official": 3}}}, "data.split.official must be True or False, not 3"),
        (
            {"trainer": {"max_epoch": 3}},
            "trainer.max_epoch is not a setting; did you mean max_epochs?",
        ),
        ({"trainer": [3]}, "trainer must be a mapping of settings, not [3]"),
        (
            {"task": {"loss": {"kind": "focal", "gamma": -1}}},
            "task.loss.gamma must be at least 0, not -1",
        ),
        (
            {"task": {"loss": {"kind": "focl"}}},
            "task.loss kind must be one of cross-entropy, focal, class-balanced, ordinal,"
            " not focl; did you mean focal?",
        ),
        (
            {"task": {"loss": {"gamma": 2}}},
            "task.loss needs a kind: cross-entropy, focal, class-balanced, ordinal",
        ),
        (
            {"data": {"preprocessing": {"clip_percentiles": [1]}}},
            "data.preprocessing.clip_percentiles takes 2 values, not 1",
        ),
        (
            {"logging": {"images": True}},
            "logging.images must be 'auto', 'on' or 'off', not True (in YAML it needs the quotes)",
        ),
    ],
)
def test_a_fault_is_one_line_that_names_the_setting(values, line):
    assert faults(**values) == [line]


def test_a_missing_name_is_said_to_be_missing():
    with pytest.raises(ValidationError) as caught:
        Experiment.model_validate({})
    assert explain(caught.value, Experiment) == ["name is missing"]


def test_what_is_no_mapping_is_the_fault_of_the_whole():
    with pytest.raises(ValidationError) as caught:
        Experiment.model_validate([1])
    assert explain(caught.value, Experiment) == [
        "the experiment must be a mapping of settings, not [1]"
    ]


def test_faults_are_listed_once_for_each_setting():
    lines = faults(seed=-1, data={"workers": -1, "batch_size": 0})
    assert [line.split()[0] for line in lines] == ["seed", "data.batch_size", "data.workers"]
