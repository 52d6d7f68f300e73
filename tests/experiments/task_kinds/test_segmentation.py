"""Faults in the settings of a segmenter, told before a run folder exists."""

import pytest
from fakes.masked_volumes import segmentation_experiment

from datamodules.configs.xrays import XraysConfig
from datamodules.errors import ConfigError
from experiments.experiment import Experiment
from experiments.tasks import build_module, checked_data, rebuild_module
from lightning_modules.configs.operating_points import TargetSensitivityConfig
from lightning_modules.configs.segmentation_networks import VNetConfig


@pytest.fixture
def experiment(tmp_path):
    return segmentation_experiment(tmp_path, cases=8)


def changed(experiment: Experiment, data=None, **task) -> Experiment:
    return experiment.replace(
        data=experiment.data.replace(**(data or {})), task=experiment.task.replace(**task)
    )


def test_sound_settings_pass(experiment):
    assert checked_data(experiment).outlines.names == ("ball", "shell")


@pytest.mark.parametrize(
    ("data", "task", "told"),
    [
        ({"patch": (15, 16, 8)}, {}, "the next one is 16 x 16 x 8"),
        ({}, {"network": VNetConfig()}, "multiples of 16 x 16 x 16"),
        ({"structures": ("bal",)}, {}, "did you mean 'ball'"),
        ({}, {"monitor": "dise"}, "did you mean dice"),
        ({}, {"surface_tolerance": (1.0, 2.0, 3.0)}, "3 numbers, and there are 2"),
        ({}, {"threshold": TargetSensitivityConfig()}, "the likeliest is taken"),
        ({}, {"init_from": "nowhere"}, "there is no checkpoint at nowhere"),
    ],
)
def test_fault_is_told_in_a_sentence(experiment, data, task, told):
    with pytest.raises(ConfigError, match=told):
        checked_data(changed(experiment, data, **task))


def test_data_of_another_task_is_refused(experiment):
    with pytest.raises(ConfigError, match="segmenter does not go with xrays"):
        checked_data(experiment.replace(data=XraysConfig()))


def test_kind_of_data_follows_from_that_of_the_task():
    experiment = Experiment.model_validate({"name": "a", "task": {"kind": "segmenter"}})
    assert experiment.data.kind == "masks"
    experiment = Experiment.model_validate({"name": "a", "data": {"kind": "masks"}})
    assert experiment.task.kind == "segmenter"
    assert Experiment.model_validate({"name": "a", "data": {"workers": 1}}).data.kind == "xrays"


def test_module_is_rebuilt_from_what_a_checkpoint_keeps(experiment, monkeypatch, tmp_path):
    monkeypatch.setenv("LIGHTBOX_CACHE", str(tmp_path / "cache"))
    data = checked_data(experiment)
    data.prepare()
    module = build_module(experiment, data)
    facts = {"experiment": experiment.public(), "data": data.facts()}
    again = rebuild_module({"lightbox": facts, "state_dict": module.state_dict()})
    assert again.data == module.data
    assert not again.training
