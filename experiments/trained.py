"""A trained model: which task it is of, before it is loaded, and what its checkpoint holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from datamodules.errors import CheckpointError, ConfigError
from experiments.experiment import Experiment
from experiments.task_kinds.detection import Detection
from experiments.task_kinds.landmark_detection import LandmarkDetection
from experiments.task_kinds.segmentation import Segmentation
from experiments.tasks import KINDS, rebuild_module

if TYPE_CHECKING:
    import torch

    from experiments.predictor import Predictor
    from experiments.task_kinds.kind import TaskKind
    from lightning_modules.base import TaskModule

FILE = "experiment.yaml"


def find_kind(source: Path) -> TaskKind | None:
    """The task of a run folder, a folder of runs or a checkpoint file.

    None where there is nothing to load: whoever loads it says so.

    Raises:
        CheckpointError: If a checkpoint cannot be read.
        ConfigError: If the experiment file of a run is damaged.
    """
    if source.is_dir():
        files = [source / FILE, *sorted(source.glob(f"*/{FILE}"))]
        found = next((path for path in files if path.is_file()), None)
        return None if found is None else KINDS[Experiment.from_yaml(found).task.kind]
    if not source.is_file():
        return None
    from callbacks.checkpoint_files import read_checkpoint

    facts = read_checkpoint(source).get("lightbox", {})
    return KINDS.get(facts.get("experiment", {}).get("task", {}).get("kind"))


def is_segmenter(source: Path) -> bool:
    """Whether :func:`find_kind` finds a segmenter."""
    return isinstance(find_kind(source), Segmentation)


def is_detector(source: Path) -> bool:
    """Whether :func:`find_kind` finds a detector."""
    return isinstance(find_kind(source), Detection)


def is_landmarker(source: Path) -> bool:
    """Whether :func:`find_kind` finds a landmarker."""
    return isinstance(find_kind(source), LandmarkDetection)


def best_checkpoint(source: Path) -> Path:
    """The best checkpoint of a run folder, or the checkpoint file itself."""
    from callbacks.checkpoint_files import BEST

    return source / "checkpoints" / BEST if source.is_dir() else source


def load_predictor(path: Path) -> Predictor[Any]:
    """What applies the classifier of a checkpoint file to other files.

    Raises:
        CheckpointError: If it cannot be used, or no operating point was frozen in it.
        ConfigError: If it is no classifier.
    """
    model = TrainedModel.load(path)
    return KINDS[model.experiment.task.kind].file_predictor(model)


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """What the best checkpoint of a finished run holds.

    Attributes:
        module: With its weights and its operating point, ready to predict.
        experiment: That it was trained in.
        facts: All that Lightbox keeps beside the weights.
        device: Where the module was put.
    """

    module: TaskModule
    experiment: Experiment
    facts: Mapping[str, Any]
    device: torch.device

    @classmethod
    def load(cls, path: Path) -> Self:
        """Load a checkpoint file, onto the GPU where there is one.

        Raises:
            CheckpointError: If it cannot be used, or no operating point was frozen in it.
        """
        import torch

        from callbacks.checkpoint_files import read_checkpoint

        checkpoint = read_checkpoint(path)
        module = rebuild_module(checkpoint)
        facts = checkpoint["lightbox"]
        if facts["operating_point"] is None:
            raise CheckpointError(
                f"{path}: no operating point is frozen in it, as its run was not finished;"
                " finish it with: python -m experiments.run --resume RUN"
            )
        module.operating_point = facts["operating_point"]
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        experiment = _with_local_paths(Experiment.model_validate(facts["experiment"]), path)
        return cls(module.to(device), experiment, facts, device)


def _with_local_paths(experiment: Experiment, checkpoint: Path) -> Experiment:
    """The experiment as its run folder has it, where the checkpoint still lies in one.

    Checkpoints name no files of this machine; weights of an encoder of tiles are such a file.
    """
    try:
        own = Experiment.from_yaml(checkpoint.parent.parent / "experiment.yaml")
    except (ConfigError, OSError):
        return experiment
    return own if own.public() == experiment.public() else experiment
