"""Survival from slides: its settings, its data, its module."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from datamodules.configs.slide_survival import SurvivalSlidesConfig
from datamodules.errors import ConfigError
from experiments.experiment import Experiment
from experiments.task_kinds.kind import TaskKind
from experiments.task_kinds.slide_classification import (
    check_bag_network,
    check_slides,
    own_encoder,
)
from lightning_modules.configs.slide_survival import SlideSurvivalConfig

if TYPE_CHECKING:
    from datamodules.base import TaskDataModule
    from datamodules.doctor.examination import Examination
    from datamodules.slide_survival import SlideSurvivalData
    from experiments.survival_predictor import SurvivalPredictor
    from experiments.trained import TrainedModel
    from lightning_modules.slide_survival import SlideSurvival


class SurvivalPrediction(TaskKind):
    """Survival of patients by their slides."""

    def check(self, experiment: Experiment) -> None:
        """Look whether the encoder exists, and the metric."""
        from experiments.task_kinds.faults import check_monitor
        from lightning_modules.metrics.survival_figures import EPOCH_FIGURES

        task, data = settings_of(experiment)
        check_bag_network(task.network, data)
        check_monitor(task.monitor, EPOCH_FIGURES)

    def check_inputs(self, experiment: Experiment, data: "TaskDataModule") -> None:
        """Bags of tiles need slides."""
        check_slides(settings_of(experiment)[1], data.table)

    def examine(self, experiment: Experiment, *, pixels: bool) -> "Examination":
        """See the base class."""
        from datamodules.doctor.slide_survival import examine_survival

        return examine_survival(settings_of(experiment)[1], pixels=pixels)

    def build_data(
        self, experiment: Experiment, trained: Mapping[str, Any] | None
    ) -> "SlideSurvivalData":
        """See the base class."""
        from datamodules.data_info import SurvivalInfo
        from datamodules.slide_survival import SlideSurvivalData

        _, data = settings_of(experiment)
        info = None if trained is None else SurvivalInfo.from_dict(dict(trained))
        return SlideSurvivalData(data, experiment.seed, info, own_encoder(experiment, data))

    def build_module(
        self, experiment: Experiment, facts: Mapping[str, Any], *, load_weights: bool
    ) -> "SlideSurvival":
        """See the base class."""
        from datamodules.data_info import SurvivalInfo
        from lightning_modules.slide_survival import SlideSurvival

        info = SurvivalInfo.from_dict(dict(facts))
        return SlideSurvival(settings_of(experiment)[0], info, load_weights=load_weights)

    def file_predictor(self, model: "TrainedModel") -> "SurvivalPredictor":
        """See the base class."""
        from experiments.survival_predictor import SurvivalPredictor

        return SurvivalPredictor.of(model)


def settings_of(experiment: Experiment) -> tuple[SlideSurvivalConfig, SurvivalSlidesConfig]:
    """The task's settings, and those of its data.

    Raises:
        ConfigError: If they are of another task.
    """
    task, data = experiment.task, experiment.data
    if not isinstance(task, SlideSurvivalConfig) or not isinstance(data, SurvivalSlidesConfig):
        raise ConfigError(
            f"{task.kind} does not go with {data.kind}; slides with follow-up are --data.kind"
            " survival-slides"
        )
    return task, data
