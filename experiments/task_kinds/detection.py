"""Detection: its settings, its data, its module."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from datamodules.configs.boxes import BoxesConfig
from datamodules.errors import ConfigError
from experiments.experiment import Experiment
from experiments.task_kinds.kind import TaskKind
from lightning_modules.configs.detector import DetectorConfig

if TYPE_CHECKING:
    from datamodules.base import TaskDataModule
    from datamodules.boxes import BoxesData
    from datamodules.doctor.examination import Examination
    from lightning_modules.detector import Detector


class Detection(TaskKind):
    """Boxes in images and volumes."""

    unexplained: ClassVar[str | None] = (
        "this model is a detector, and a box is its own evidence; to see boxes over their images:"
        " python -m experiments.predict RUN FILE_OR_FOLDER --output DIR --overlays"
    )

    def check(self, experiment: Experiment) -> None:
        """Look whether the metric exists, and whether the network is one for such patches."""
        from experiments.task_kinds.faults import check_monitor
        from lightning_modules.metrics.detection import EPOCH_FIGURES
        from lightning_modules.metrics.single_box import SINGLE_EPOCH_FIGURES
        from lightning_modules.networks.detection_networks import check_network

        task, data = settings_of(experiment)
        single = task.network.kind == "single-box"
        check_monitor(task.monitor, SINGLE_EPOCH_FIGURES if single else EPOCH_FIGURES)
        check_network(task.network, data.patch)
        if single and task.inference.windows:
            raise ConfigError(
                "--task.inference.windows: a single box is found in a whole image, not in windows"
            )

    def check_inputs(self, experiment: Experiment, data: "TaskDataModule") -> None:
        """Nothing more: the datamodule's own check looks for the classes that are asked for."""

    def examine(self, experiment: Experiment, *, pixels: bool) -> "Examination":
        """See the base class."""
        from datamodules.doctor.boxes import examine_boxes

        return examine_boxes(settings_of(experiment)[1], pixels=pixels)

    def build_data(self, experiment: Experiment, trained: Mapping[str, Any] | None) -> "BoxesData":
        """See the base class."""
        from datamodules.boxes import BoxesData
        from datamodules.data_info import DetectionInfo

        info = None if trained is None else DetectionInfo.from_dict(dict(trained))
        return BoxesData(settings_of(experiment)[1], experiment.seed, info)

    def build_module(
        self, experiment: Experiment, facts: Mapping[str, Any], *, load_weights: bool
    ) -> "Detector":
        """See the base class."""
        from datamodules.data_info import DetectionInfo
        from lightning_modules.detector import Detector

        info = DetectionInfo.from_dict(dict(facts))
        return Detector(settings_of(experiment)[0], info, load_weights=load_weights)


def settings_of(experiment: Experiment) -> tuple[DetectorConfig, BoxesConfig]:
    """The task's settings, and those of its data.

    Raises:
        ConfigError: If they are of another task.
    """
    task, data = experiment.task, experiment.data
    if not isinstance(task, DetectorConfig) or not isinstance(data, BoxesConfig):
        raise ConfigError(f"{task.kind} does not go with {data.kind}; boxes are --data.kind boxes")
    return task, data
