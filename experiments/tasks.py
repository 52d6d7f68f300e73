"""From settings to a datamodule and a module, whatever the task."""

from typing import TYPE_CHECKING, Any

from datamodules.errors import CheckpointError, ConfigError
from experiments.experiment import Experiment
from experiments.task_kinds.detection import Detection
from experiments.task_kinds.faults import check_initial_weights
from experiments.task_kinds.kind import TaskKind
from experiments.task_kinds.landmark_detection import LandmarkDetection
from experiments.task_kinds.segmentation import Segmentation
from experiments.task_kinds.slide_classification import SlideClassification
from experiments.task_kinds.slide_survival import SurvivalPrediction
from experiments.task_kinds.volume_classification import VolumeClassification
from experiments.task_kinds.xray_classification import XrayClassification

if TYPE_CHECKING:
    from datamodules.base import TaskDataModule
    from lightning_modules.base import TaskModule

KINDS: dict[str, TaskKind] = {
    "xray-classifier": XrayClassification(),
    "volume-classifier": VolumeClassification(),
    "slide-classifier": SlideClassification(),
    "slide-survival": SurvivalPrediction(),
    "detector": Detection(),
    "segmenter": Segmentation(),
    "landmarker": LandmarkDetection(),
}


def kind_of(experiment: Experiment) -> TaskKind:
    """The task of an experiment."""
    return KINDS[experiment.task.kind]


def build_data(experiment: Experiment, trained: dict[str, Any] | None = None) -> "TaskDataModule":
    """The datamodule of an experiment, not yet prepared.

    Args:
        experiment: Settings.
        trained: The facts that a trained model knew of its data, when it is to score others.
    """
    return kind_of(experiment).build_data(experiment, trained)


def checked_data(experiment: Experiment, data: "TaskDataModule | None" = None) -> "TaskDataModule":
    """The datamodule of an experiment, with everything looked at that takes no pixels.

    Args:
        experiment: Settings.
        data: A datamodule of your own; None: that of the settings.

    Raises:
        ConfigError: If settings do not fit the task or the cases.
        DataError: Lists all that is wrong with the dataset.
    """
    check_task(experiment)
    if data is None:
        data = build_data(experiment)
    data.check()
    kind_of(experiment).check_inputs(experiment, data)
    return data


def check_task(experiment: Experiment) -> None:
    """Look for faults of the task that need neither data nor weights.

    Raises:
        ConfigError: If the network, the monitored metric or the weights to start from do not exist.
    """
    kind_of(experiment).check(experiment)
    check_initial_weights(experiment.task.init_from)


def build_module(
    experiment: Experiment, data: "TaskDataModule", *, load_weights: bool = True
) -> "TaskModule":
    """The module of an experiment on prepared data, with initial weights drawn from its seed.

    Args:
        experiment: Settings.
        data: Prepared.
        load_weights: False when the weights of a checkpoint follow.

    Raises:
        ConfigError: If the data is not of the kind that the task needs.
    """
    try:
        return _build(experiment, data.facts(), load_weights=load_weights)
    except (KeyError, TypeError) as error:
        raise ConfigError(
            f"a {experiment.task.kind} cannot be trained on {type(data).__name__}"
        ) from error


def _build(experiment: Experiment, facts: dict[str, Any], *, load_weights: bool) -> "TaskModule":
    import torch

    torch.manual_seed(experiment.seed)
    return kind_of(experiment).build_module(experiment, facts, load_weights=load_weights)


def rebuild_module(checkpoint: dict[str, Any]) -> "TaskModule":
    """The module that a checkpoint was saved from, with its weights, ready to predict.

    Raises:
        CheckpointError: If the checkpoint was not written by Lightbox, or its weights do not fit.
    """
    from pydantic import ValidationError

    try:
        facts = checkpoint["lightbox"]
        experiment = Experiment.model_validate(facts["experiment"])
        module = _build(experiment, facts["data"], load_weights=False)
    except (KeyError, TypeError, ValidationError) as error:
        raise CheckpointError(
            f"the checkpoint was not written by this version of Lightbox: {error}"
        ) from error
    try:
        module.load_state_dict(checkpoint["state_dict"])
    except RuntimeError as error:
        raise CheckpointError(f"the weights do not fit the network they claim: {error}") from error
    return module.eval()
