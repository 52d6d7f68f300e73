"""From settings to a datamodule and a module: the one place that knows which belong together."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from datamodules.batches import DataInfo
from datamodules.errors import CheckpointError, ConfigError
from experiments.experiment import Experiment
from experiments.suggestions import suggestion

if TYPE_CHECKING:
    from datamodules.base import TaskDataModule
    from datamodules.xrays import XraysData
    from lightning_modules.base import TaskModule
    from lightning_modules.xray_classifier import XrayClassifier


def build_data(experiment: Experiment, trained: DataInfo | None = None) -> "XraysData":
    """The datamodule of an experiment, not yet prepared.

    Args:
        experiment: Settings.
        trained: What a trained model knew of its data, when it is to score an external dataset.
    """
    from datamodules.xrays import XraysData

    return XraysData(experiment.data, experiment.seed, trained)


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
    check_inputs(experiment, data)
    return data


def check_task(experiment: Experiment) -> None:
    """Look for faults of the task that need neither data nor weights.

    Raises:
        ConfigError: If the network, the monitored metric or the weights to start from do not exist.
    """
    from callbacks.checkpoint_files import BEST
    from lightning_modules.metrics.classification import EPOCH_FIGURES
    from lightning_modules.networks.timm_encoders import check_encoder

    check_encoder(experiment.task.network)
    _check_maps(experiment)
    if experiment.task.monitor not in EPOCH_FIGURES:
        raise ConfigError(
            f"--task.monitor: there is no '{experiment.task.monitor}'"
            f"{suggestion(experiment.task.monitor, EPOCH_FIGURES)}"
        )
    if experiment.task.init_from is not None:
        source = Path(experiment.task.init_from)
        if not (source / "checkpoints" / BEST if source.is_dir() else source).is_file():
            raise ConfigError(f"--task.init-from: there is no checkpoint at {source}")


def _check_maps(experiment: Experiment) -> None:
    """Look whether the encoders of a network that makes maps have one."""
    from lightning_modules.networks.timm_encoders import check_has_map

    network = experiment.task.network
    if network.kind == "timm":
        return
    check_has_map(network.encoder)
    if network.kind == "two-stream" and network.detail_encoder is not None:
        check_has_map(network.detail_encoder)


def check_inputs(experiment: Experiment, data: "TaskDataModule") -> None:
    """Look whether the network can use what the cases are.

    Raises:
        ConfigError: If the cases are candidates, and the network sees whole images only.
    """
    from datamodules.candidates import has_candidates

    if experiment.task.network.kind != "two-stream" and has_candidates(data.table):
        raise ConfigError(
            "candidates are seen as detail and context, which takes two streams:"
            " --task.network.kind two-stream"
        )


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
    from datamodules.xrays import XraysData

    if not isinstance(data, XraysData):
        raise ConfigError(f"a {experiment.task.kind} cannot be trained on {type(data).__name__}")
    return _classifier(experiment, data.info, load_weights=load_weights)


def _classifier(experiment: Experiment, info: DataInfo, *, load_weights: bool) -> "XrayClassifier":
    import torch

    from lightning_modules.xray_classifier import XrayClassifier

    torch.manual_seed(experiment.seed)
    return XrayClassifier(experiment.task, info, load_weights=load_weights)


def rebuild_module(checkpoint: dict[str, Any]) -> "XrayClassifier":
    """The module that a checkpoint was saved from, with its weights, ready to predict.

    Raises:
        CheckpointError: If the checkpoint was not written by Lightbox, or its weights do not fit.
    """
    from pydantic import ValidationError

    try:
        facts = checkpoint["lightbox"]
        experiment = Experiment.model_validate(facts["experiment"])
        info = DataInfo.from_dict(facts["data"])
    except (KeyError, TypeError, ValidationError) as error:
        raise CheckpointError(
            f"the checkpoint was not written by this version of Lightbox: {error}"
        ) from error
    module = _classifier(experiment, info, load_weights=False)
    try:
        module.load_state_dict(checkpoint["state_dict"])
    except RuntimeError as error:
        raise CheckpointError(f"the weights do not fit the network they claim: {error}") from error
    return module.eval()
