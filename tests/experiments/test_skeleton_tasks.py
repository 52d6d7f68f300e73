"""A throwaway segmenter, detector and adversarial pair through fit, a kill, resume and predict."""

import hashlib
from itertools import chain
from pathlib import Path

import pytest
import torch
from fakes.skeletons import SkeletonDetector, SkeletonGenerator, SkeletonSegmenter, SquaresData
from fakes.stop_at import StopAt
from fakes.tiny_experiment import write_films

from callbacks.checkpoint_files import read_checkpoint
from datamodules.configs.data import DataSettings
from datamodules.readers.csv_table import CsvReader
from experiments.configs.logging import LoggingConfig
from experiments.configs.trainer import TrainerConfig
from experiments.experiment import Experiment
from experiments.run_folder import RunFolder
from experiments.session import resume, start
from experiments.trainers import build_evaluator

TASKS = [SkeletonSegmenter, SkeletonDetector, SkeletonGenerator]


@pytest.fixture
def settings(tmp_path: Path) -> DataSettings:
    write_films(tmp_path / "data", 24, ("label",))
    reader = CsvReader(root=str(tmp_path / "data"), patient_column="patient")
    return DataSettings(reader=reader, batch_size=4, workers=0)


@pytest.fixture
def experiment() -> Experiment:
    return Experiment(
        name="skeleton",
        trainer=TrainerConfig(max_epochs=2, checkpoint_every_steps=1, log_every_steps=1),
        logging=LoggingConfig(wandb="off"),
    )


def weights(folder: RunFolder) -> str:
    state = read_checkpoint(folder.checkpoints / "last.ckpt")["state_dict"]
    digest = hashlib.sha256()
    for name in sorted(state):
        digest.update(state[name].contiguous().numpy().tobytes())
    return digest.hexdigest()


@pytest.mark.parametrize("task", TASKS)
def test_task_resumes_to_the_same_weights_and_predicts(task, settings, experiment):
    whole = start(experiment, task(), SquaresData(settings, 0))

    with pytest.raises(RuntimeError, match="stopped here"):
        start(experiment, task(), SquaresData(settings, 0), [StopAt(5)])
    stopped = RunFolder.open(max(whole.path.parent.iterdir(), key=lambda p: p.stat().st_mtime_ns))
    assert stopped.status()["state"] == "failed"
    module, data = task(), SquaresData(settings, 0)
    resume(stopped, module=module, data=data)

    assert weights(stopped) == weights(whole)
    assert stopped.metrics()["test"] == whole.metrics()["test"]
    predicted = build_evaluator(experiment.trainer).predict(module, datamodule=data)
    assert len(list(chain.from_iterable(predicted))) == len(data.indices("test"))


def test_segmenter_learns_its_squares(settings, experiment):
    trainer = experiment.trainer.replace(max_epochs=12)
    folder = start(
        experiment.replace(trainer=trainer), SkeletonSegmenter(), SquaresData(settings, 0)
    )
    assert folder.metrics()["test"]["dice"]["value"] > 0.9
    assert torch.isfinite(torch.tensor(folder.metrics()["val"]["dice"]["value"]))
