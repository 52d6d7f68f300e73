"""X-ray classification: its settings, its data, its module."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from datamodules.configs.xrays import XraysConfig
from datamodules.errors import ConfigError
from experiments.experiment import Experiment
from experiments.task_kinds.kind import TaskKind
from lightning_modules.configs.xray_classifier import XrayClassifierConfig
from lightning_modules.configs.xray_networks import XrayNetwork

if TYPE_CHECKING:
    from datamodules.base import TaskDataModule
    from datamodules.doctor.examination import Examination
    from datamodules.xrays import XraysData
    from experiments.film_predictor import FilmPredictor
    from experiments.trained import TrainedModel
    from lightning_modules.xray_classifier import XrayClassifier


class XrayClassification(TaskKind):
    """Labels of X-rays."""

    def check(self, experiment: Experiment) -> None:
        """Look whether the encoder exists, has a map where one is needed; and the metric."""
        from experiments.task_kinds.faults import check_monitor
        from lightning_modules.metrics.classification import EPOCH_FIGURES
        from lightning_modules.networks.timm_encoders import check_encoder

        task, _ = settings_of(experiment)
        check_encoder(task.network)
        _check_maps(task.network)
        check_monitor(task.monitor, EPOCH_FIGURES)

    def check_inputs(self, experiment: Experiment, data: "TaskDataModule") -> None:
        """Candidates are seen twice, which takes a network of two streams."""
        from datamodules.candidates import has_candidates

        task, _ = settings_of(experiment)
        if task.network.kind != "two-stream" and has_candidates(data.table):
            raise ConfigError(
                "candidates are seen as detail and context, which takes two streams:"
                " --task.network.kind two-stream"
            )

    def examine(self, experiment: Experiment, *, pixels: bool) -> "Examination":
        """See the base class."""
        from datamodules.doctor.xrays import examine_xrays

        return examine_xrays(settings_of(experiment)[1], pixels=pixels)

    def build_data(self, experiment: Experiment, trained: Mapping[str, Any] | None) -> "XraysData":
        """See the base class."""
        from datamodules.data_info import DataInfo
        from datamodules.xrays import XraysData

        info = None if trained is None else DataInfo.from_dict(dict(trained))
        return XraysData(settings_of(experiment)[1], experiment.seed, info)

    def build_module(
        self, experiment: Experiment, facts: Mapping[str, Any], *, load_weights: bool
    ) -> "XrayClassifier":
        """See the base class."""
        from datamodules.data_info import DataInfo
        from lightning_modules.xray_classifier import XrayClassifier

        info = DataInfo.from_dict(dict(facts))
        return XrayClassifier(settings_of(experiment)[0], info, load_weights=load_weights)

    def file_predictor(self, model: "TrainedModel") -> "FilmPredictor":
        """See the base class."""
        from experiments.film_predictor import FilmPredictor

        return FilmPredictor.of(model)


def settings_of(experiment: Experiment) -> tuple[XrayClassifierConfig, XraysConfig]:
    """The task's settings, and those of its data.

    Raises:
        ConfigError: If they are of another task.
    """
    task, data = experiment.task, experiment.data
    if not isinstance(task, XrayClassifierConfig) or not isinstance(data, XraysConfig):
        raise ConfigError(f"{task.kind} does not go with {data.kind}; X-rays are --data.kind xrays")
    return task, data


def _check_maps(network: XrayNetwork) -> None:
    """Look whether the encoders of a network that makes maps have one."""
    from lightning_modules.networks.timm_encoders import check_has_map

    if network.kind == "timm":
        return
    check_has_map(network.encoder)
    if network.kind == "two-stream" and network.detail_encoder is not None:
        check_has_map(network.detail_encoder)
