import pytest
from fakes.checkpoints import untrained
from fakes.tiny_experiment import tiny_experiment

from callbacks.checkpoint_files import read_checkpoint, write_checkpoint
from datamodules.errors import CheckpointError
from experiments.tasks import KINDS
from experiments.trained import TrainedModel, find_kind, is_segmenter


@pytest.fixture
def checkpoint(tmp_path):
    return untrained(tiny_experiment(tmp_path / "data"), tmp_path / "best.ckpt", {"1": 0.3}).path


def test_task_is_known_from_a_checkpoint_and_from_runs(checkpoint, tmp_path):
    runs = tmp_path / "runs"
    (runs / "fold-1").mkdir(parents=True)
    (runs / "fold-1" / "experiment.yaml").write_text("name: a\ntask: {kind: segmenter}\n")
    assert find_kind(checkpoint) is KINDS["xray-classifier"]
    assert find_kind(runs) is find_kind(runs / "fold-1") is KINDS["segmenter"]
    assert (is_segmenter(checkpoint), is_segmenter(runs)) == (False, True)


def test_nothing_is_of_no_task(tmp_path):
    assert find_kind(tmp_path) is None
    assert find_kind(tmp_path / "nowhere") is None


def test_model_comes_with_its_frozen_operating_point(checkpoint):
    model = TrainedModel.load(checkpoint)
    assert model.module.operating_point == {"1": {"threshold": 0.3}}
    assert model.experiment.name == "tiny"
    assert not model.module.training


def test_model_of_a_run_that_was_not_finished_is_refused(checkpoint, tmp_path):
    content = read_checkpoint(checkpoint)
    content["lightbox"]["operating_point"] = None
    write_checkpoint(content, tmp_path / "half.ckpt")
    with pytest.raises(CheckpointError, match="its run was not finished; finish it"):
        TrainedModel.load(tmp_path / "half.ckpt")
