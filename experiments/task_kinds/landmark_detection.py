"""Landmarks: their settings, their data, their module."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from datamodules.configs.landmarks import LandmarksConfig
from datamodules.errors import ConfigError
from experiments.experiment import Experiment
from experiments.task_kinds.kind import TaskKind
from lightning_modules.configs.landmarker import LandmarkerConfig

if TYPE_CHECKING:
    from datamodules.base import TaskDataModule
    from datamodules.doctor.examination import Examination
    from datamodules.landmarks import LandmarksData
    from lightning_modules.landmarker import Landmarker


class LandmarkDetection(TaskKind):
    """Landmarks in images and volumes."""

    unexplained: ClassVar[str | None] = (
        "this model is a landmarker, and a point is its own evidence; to see points over their"
        " images: python -m experiments.predict RUN FILE_OR_FOLDER --output DIR --overlays"
    )

    def check(self, experiment: Experiment) -> None:
        """Look whether the metric exists, and whether the network can learn."""
        from experiments.task_kinds.faults import check_monitor
        from lightning_modules.metrics.landmarks import LANDMARK_EPOCH_FIGURES
        from lightning_modules.networks.landmark_networks import check_landmark_network

        task, data = settings_of(experiment)
        check_monitor(task.monitor, LANDMARK_EPOCH_FIGURES)
        check_landmark_network(task.network, data.patch)
        if task.inference.mirror and not data.augmentation.mirror:
            raise ConfigError(
                "--task.inference.mirror: training mirrors nothing; set"
                " --data.augmentation.mirror and --data.swaps"
            )

    def check_inputs(self, experiment: Experiment, data: "TaskDataModule") -> None:
        """Look whether measures and groups name landmarks that are there."""
        from datamodules.landmarks import LandmarksData
        from lightning_modules.metrics.landmark_measures import check_measures

        task, settings = settings_of(experiment)
        if isinstance(data, LandmarksData):
            check_measures(task.measures, task.groups, data.landmarks.names, len(settings.patch))

    def examine(self, experiment: Experiment, *, pixels: bool) -> "Examination":
        """See the base class."""
        from datamodules.doctor.points import examine_points

        return examine_points(settings_of(experiment)[1], pixels=pixels)

    def build_data(
        self, experiment: Experiment, trained: Mapping[str, Any] | None
    ) -> "LandmarksData":
        """See the base class."""
        from datamodules.landmark_info import LandmarkInfo
        from datamodules.landmarks import LandmarksData

        info = None if trained is None else LandmarkInfo.from_dict(dict(trained))
        return LandmarksData(settings_of(experiment)[1], experiment.seed, info)

    def build_module(
        self, experiment: Experiment, facts: Mapping[str, Any], *, load_weights: bool
    ) -> "Landmarker":
        """See the base class."""
        from datamodules.landmark_info import LandmarkInfo
        from lightning_modules.landmarker import Landmarker

        info = LandmarkInfo.from_dict(dict(facts))
        return Landmarker(settings_of(experiment)[0], info, load_weights=load_weights)


def settings_of(experiment: Experiment) -> tuple[LandmarkerConfig, LandmarksConfig]:
    """The task's settings, and those of its data.

    Raises:
        ConfigError: If they are of another task.
    """
    task, data = experiment.task, experiment.data
    if not isinstance(task, LandmarkerConfig) or not isinstance(data, LandmarksConfig):
        raise ConfigError(
            f"{task.kind} does not go with {data.kind}; landmarks are --data.kind landmarks"
        )
    return task, data
