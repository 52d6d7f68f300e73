"""Volume classification: its settings, its data, its module."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from datamodules.configs.volumes import VolumesConfig
from datamodules.errors import ConfigError
from experiments.experiment import Experiment
from experiments.task_kinds.kind import TaskKind
from lightning_modules.configs.volume_classifier import VolumeClassifierConfig

if TYPE_CHECKING:
    from datamodules.base import TaskDataModule
    from datamodules.doctor.examination import Examination
    from datamodules.volumes import VolumesData
    from experiments.trained import TrainedModel
    from experiments.volume_predictor import VolumePredictor
    from lightning_modules.volume_classifier import VolumeClassifier


class VolumeClassification(TaskKind):
    """Labels of volumes."""

    def check(self, experiment: Experiment) -> None:
        """Look whether the encoder exists, and the metric."""
        from experiments.task_kinds.faults import check_monitor
        from lightning_modules.metrics.classification import EPOCH_FIGURES
        from lightning_modules.networks.timm_encoders import check_encoder

        task, _ = settings_of(experiment)
        if task.network.kind == "slices":
            check_encoder(task.network)
        check_monitor(task.monitor, EPOCH_FIGURES)

    def check_inputs(self, experiment: Experiment, data: "TaskDataModule") -> None:
        """Candidates are cut out and resized, and are no patches."""
        from datamodules.candidates import has_volume_candidates

        _, settings = settings_of(experiment)
        if has_volume_candidates(data.table) and settings.fit.kind != "resize":
            raise ConfigError(
                "candidates are cut out of their volumes, and context and detail resized to one"
                " size: --data.fit.kind resize"
            )

    def examine(self, experiment: Experiment, *, pixels: bool) -> "Examination":
        """See the base class."""
        from datamodules.doctor.volumes import examine_volumes

        return examine_volumes(settings_of(experiment)[1], pixels=pixels)

    def build_data(
        self, experiment: Experiment, trained: Mapping[str, Any] | None
    ) -> "VolumesData":
        """See the base class."""
        from datamodules.data_info import DataInfo
        from datamodules.volumes import VolumesData

        info = None if trained is None else DataInfo.from_dict(dict(trained))
        return VolumesData(settings_of(experiment)[1], experiment.seed, info)

    def build_module(
        self, experiment: Experiment, facts: Mapping[str, Any], *, load_weights: bool
    ) -> "VolumeClassifier":
        """See the base class."""
        from datamodules.data_info import DataInfo
        from lightning_modules.volume_classifier import VolumeClassifier

        info = DataInfo.from_dict(dict(facts))
        return VolumeClassifier(settings_of(experiment)[0], info, load_weights=load_weights)

    def file_predictor(self, model: "TrainedModel") -> "VolumePredictor":
        """See the base class."""
        from experiments.volume_predictor import VolumePredictor

        return VolumePredictor.of(model)


def settings_of(experiment: Experiment) -> tuple[VolumeClassifierConfig, VolumesConfig]:
    """The task's settings, and those of its data.

    Raises:
        ConfigError: If they are of another task.
    """
    task, data = experiment.task, experiment.data
    if not isinstance(task, VolumeClassifierConfig) or not isinstance(data, VolumesConfig):
        raise ConfigError(
            f"{task.kind} does not go with {data.kind}; volumes are --data.kind volumes"
        )
    return task, data
