"""Segmentation: its settings, its data, its module."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from datamodules.configs.masks import MasksConfig
from datamodules.errors import ConfigError
from experiments.experiment import Experiment
from experiments.task_kinds.kind import TaskKind
from lightning_modules.configs.segmenter import SegmenterConfig

if TYPE_CHECKING:
    from datamodules.base import TaskDataModule
    from datamodules.data_info import LabelSet
    from datamodules.doctor.examination import Examination
    from datamodules.masks import MasksData
    from lightning_modules.segmenter import Segmenter


class Segmentation(TaskKind):
    """Masks of images and volumes."""

    unexplained: ClassVar[str | None] = (
        "this model is a segmenter, and a mask is its own evidence; to see masks over their images:"
        " python -m experiments.predict RUN FILE_OR_FOLDER --output DIR --overlays"
    )

    def check(self, experiment: Experiment) -> None:
        """Look whether the network can see such patches, and whether the metric exists."""
        from experiments.task_kinds.faults import check_monitor
        from lightning_modules.segmenter import EPOCH_FIGURES

        task, data = settings_of(experiment)
        check_monitor(task.monitor, EPOCH_FIGURES)
        if task.clean_up.smallest_ml and data.scored_on == "prepared":
            raise ConfigError(
                "--task.clean-up.smallest-ml is chosen where cases are scored and applied where"
                " files are: it does not go with --data.scored-on prepared"
            )

    def check_inputs(self, experiment: Experiment, data: "TaskDataModule") -> None:
        """Look whether tolerances and threshold fit the structures, and the patch the network."""
        from datamodules.masks import MasksData
        from lightning_modules.mask_decisions import check_threshold
        from lightning_modules.structure_settings import check_centrelines, tolerances_of

        task, settings = settings_of(experiment)
        if isinstance(data, MasksData):
            tolerances_of(task.surface_tolerance, data.outlines.names)
            check_centrelines(task.centrelines, data.outlines.names)
            check_threshold(task.threshold, data.outlines.labels)
            _check_patch(task, settings, data.outlines.labels)

    def examine(self, experiment: Experiment, *, pixels: bool) -> "Examination":
        """See the base class."""
        from datamodules.doctor.masks import examine_masks

        return examine_masks(settings_of(experiment)[1], pixels=pixels)

    def build_data(self, experiment: Experiment, trained: Mapping[str, Any] | None) -> "MasksData":
        """See the base class."""
        from datamodules.data_info import SegmentationInfo
        from datamodules.masks import MasksData

        info = None if trained is None else SegmentationInfo.from_dict(dict(trained))
        return MasksData(settings_of(experiment)[1], experiment.seed, info)

    def build_module(
        self, experiment: Experiment, facts: Mapping[str, Any], *, load_weights: bool
    ) -> "Segmenter":
        """See the base class."""
        from datamodules.data_info import SegmentationInfo
        from lightning_modules.segmenter import Segmenter

        del load_weights  # nothing is ever downloaded
        info = SegmentationInfo.from_dict(dict(facts))
        return Segmenter(settings_of(experiment)[0], info)


def _check_patch(task: SegmenterConfig, data: MasksConfig, labels: "LabelSet") -> None:
    """Build the network, where it does not depend on a spacing that only the files know."""
    from datamodules.data_info import SegmentationInfo
    from lightning_modules.networks.segmentation_networks import build_segmentation_network

    spacing = data.preprocessing.spacing_mm
    if spacing is None and task.network.kind == "unet":
        return
    info = SegmentationInfo(labels, 1, data.patch, spacing or (1.0,) * len(data.patch))
    build_segmentation_network(task.network, info)


def settings_of(experiment: Experiment) -> tuple[SegmenterConfig, MasksConfig]:
    """The task's settings, and those of its data.

    Raises:
        ConfigError: If they are of another task.
    """
    task, data = experiment.task, experiment.data
    if not isinstance(task, SegmenterConfig) or not isinstance(data, MasksConfig):
        raise ConfigError(f"{task.kind} does not go with {data.kind}; masks are --data.kind masks")
    return task, data
