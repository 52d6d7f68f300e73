"""Slide classification: its settings, its data, its module."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from datamodules.configs.slides import SlidesConfig, SlideSettings
from datamodules.errors import ConfigError
from experiments.experiment import Experiment
from experiments.task_kinds.kind import TaskKind
from lightning_modules.configs.bag_networks import BagNetwork
from lightning_modules.configs.slide_classifier import SlideClassifierConfig

if TYPE_CHECKING:
    from datamodules.base import TaskDataModule
    from datamodules.cases import CaseTable
    from datamodules.doctor.examination import Examination
    from datamodules.slides import SlidesData
    from datamodules.tile_encoder import TileEncoder
    from experiments.slide_predictor import SlidePredictor
    from experiments.trained import TrainedModel
    from lightning_modules.slide_classifier import SlideClassifier


class SlideClassification(TaskKind):
    """Labels of slides, or of patients by their slides."""

    def check(self, experiment: Experiment) -> None:
        """Look whether the encoder exists, and the metric."""
        from experiments.task_kinds.faults import check_monitor
        from lightning_modules.metrics.classification import EPOCH_FIGURES

        task, data = settings_of(experiment)
        check_bag_network(task.network, data)
        check_monitor(task.monitor, EPOCH_FIGURES)
        _check_effects(task)

    def check_inputs(self, experiment: Experiment, data: "TaskDataModule") -> None:
        """Bags of tiles need slides."""
        check_slides(settings_of(experiment)[1], data.table)

    def examine(self, experiment: Experiment, *, pixels: bool) -> "Examination":
        """See the base class."""
        from datamodules.doctor.slides import examine_slides

        return examine_slides(settings_of(experiment)[1], pixels=pixels)

    def build_data(self, experiment: Experiment, trained: Mapping[str, Any] | None) -> "SlidesData":
        """See the base class."""
        from datamodules.data_info import DataInfo
        from datamodules.slides import SlidesData

        _, data = settings_of(experiment)
        info = None if trained is None else DataInfo.from_dict(dict(trained))
        return SlidesData(data, experiment.seed, info, own_encoder(experiment, data))

    def file_predictor(self, model: "TrainedModel") -> "SlidePredictor":
        """See the base class."""
        from experiments.slide_predictor import SlidePredictor

        return SlidePredictor.of(model)

    def build_module(
        self, experiment: Experiment, facts: Mapping[str, Any], *, load_weights: bool
    ) -> "SlideClassifier":
        """See the base class."""
        from datamodules.data_info import DataInfo
        from lightning_modules.slide_classifier import SlideClassifier

        info = DataInfo.from_dict(dict(facts))
        return SlideClassifier(settings_of(experiment)[0], info, load_weights=load_weights)


def check_bag_network(network: BagNetwork, data: SlideSettings) -> None:
    """Look whether the encoder of tiles exists, and attention fits the hidden features.

    Raises:
        ConfigError: If not, or if an encoder is to be trained that there is not.
    """
    from lightning_modules.networks.timm_encoders import check_encoder

    if data.bags.kind == "tiles":
        check_encoder(network.tiles)
    elif network.encoder_training != "full":
        raise ConfigError(
            "--task.network.encoder-training: stored features have no encoder to train; leave"
            " it out, or train one with --data.bags.kind tiles"
        )
    elif data.reader.lists_features is False:
        check_tile_encoder(data)
    if network.kind == "transformer" and network.hidden and network.hidden[-1] % network.heads:
        raise ConfigError(
            f"--task.network.heads: {network.heads} heads do not divide the {network.hidden[-1]}"
            " hidden features of a tile"
        )


def check_slides(settings: SlideSettings, table: "CaseTable") -> None:
    """Look whether there are slides where tiles are asked for.

    Raises:
        ConfigError: If there are features alone.
    """
    from datamodules.slide_bags import has_ready_features

    if has_ready_features(table) and settings.bags.kind == "tiles":
        raise ConfigError(
            f"{table.name} has features of tiles, not slides: leave out --data.bags.kind"
        )


def check_tile_encoder(data: SlideSettings) -> None:
    """Look whether the encoder of tiles exists, and its local weights.

    Raises:
        ConfigError: If not; names the nearest encoders.
    """
    from pathlib import Path

    from lightning_modules.networks.timm_encoders import check_name

    assert data.bags.kind == "features"
    check_name(data.bags.encoder)
    if data.bags.weights is not None and not Path(data.bags.weights).is_file():
        raise ConfigError(f"--data.bags.weights: there is no file {data.bags.weights}")


def _check_effects(task: SlideClassifierConfig) -> None:
    """Refuse what would do nothing."""
    network = task.network
    weighs = network.kind not in ("mean", "max")
    for name, value in (
        ("tile-loss", task.tile_loss),
        ("attention-entropy", task.attention_entropy),
    ):
        if value and not weighs:
            raise ConfigError(
                f"--task.{name} needs tiles that are weighed, which {network.kind} pooling does not"
            )


def encoder_of(data: SlideSettings, device: str) -> "TileEncoder":
    """What turns tiles into features; built when the first tile comes."""
    from datamodules.tile_encoder import NoEncoder
    from lightning_modules.configs.classifier_networks import TimmEncoderSettings
    from lightning_modules.networks.tile_encoders import FrozenTileEncoder

    bags = data.bags
    if bags.kind == "tiles":
        return NoEncoder()
    settings = TimmEncoderSettings(
        encoder=bags.encoder, pretrained=bags.pretrained, weights=bags.weights
    )
    return FrozenTileEncoder(settings, bags.precision, device)


def own_encoder(experiment: Experiment, data: SlideSettings) -> "TileEncoder":
    """The encoder of tiles on the device that an experiment asks for."""
    return encoder_of(data, "cpu" if experiment.trainer.accelerator == "cpu" else best_device())


def best_device() -> str:
    """The GPU of this process where there is one."""
    import os

    import torch

    if not torch.cuda.is_available():
        return "cpu"
    return f"cuda:{int(os.environ.get('LOCAL_RANK', '0')) % torch.cuda.device_count()}"


def settings_of(experiment: Experiment) -> tuple[SlideClassifierConfig, SlidesConfig]:
    """The task's settings, and those of its data.

    Raises:
        ConfigError: If they are of another task.
    """
    task, data = experiment.task, experiment.data
    if not isinstance(task, SlideClassifierConfig) or not isinstance(data, SlidesConfig):
        raise ConfigError(
            f"{task.kind} does not go with {data.kind}; slides are --data.kind slides"
        )
    return task, data
