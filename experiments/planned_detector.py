"""Maps and anchors of a detector for boxes of given sizes, and which of its steps fit in memory."""

from collections.abc import Sequence
from math import ceil, log2

import numpy as np

from datamodules.box_statistics import BoxStatistics, Sides
from datamodules.data_info import DetectionInfo
from datamodules.errors import ConfigError
from experiments.experiment import Experiment
from experiments.planned_view import LARGEST_SHARE, Patch, box_lengths
from experiments.task_kinds.detection import settings_of
from lightning_modules.configs.detection_networks import (
    AnchorSettings,
    FasterRCNNConfig,
    GridConfig,
    RetinaNetConfig,
    SingleBoxConfig,
)
from lightning_modules.networks.anchor_recall import decisive_recall
from lightning_modules.networks.anchors import CELLS, finest_stride
from lightning_modules.networks.detection_memory import DetectionMemory, detection_memory
from lightning_modules.networks.detection_networks import (
    anchors_for,
    build_detection_network,
    level_strides,
)
from lightning_modules.networks.training_memory import StepMemory

LEVELS = (3, 5)
"""Fewest and most maps: even small objects are told apart by what surrounds them."""
COARSEST_OF_RESNET = 32
STRIDE_OF_COCO = 4
ANCHORS = (3, 9)
"""Fewest and most shapes at a place."""
ENOUGH = 0.95
"""Share of the boxes, and of the smallest tenth, that anchors are to be like."""
PLANNED = ("levels", "finest_stride", "anchors")

LevelNetwork = GridConfig | RetinaNetConfig | FasterRCNNConfig


class DetectorRoom:
    """The network of an experiment on boxes of any size.

    Args:
        experiment: Names network and precision.
        found: Statistics of its training cases.
        memory_gb: Of the GPU.

    Raises:
        ConfigError: If the network is not one for several objects.
    """

    def __init__(self, experiment: Experiment, found: BoxStatistics, memory_gb: float) -> None:
        self.network = network_to_plan(experiment)
        self.mixed = experiment.trainer.precision != "32"
        self.found, self.memory_gb = found, memory_gb
        self._networks: dict[tuple[Sides, tuple[float, ...]], LevelNetwork] = {}
        self._known: dict[tuple[object, ...], DetectionMemory] = {}

    def network_for(self, sizes: Sides, whole: Sequence[float]) -> LevelNetwork:
        """The network, its maps and anchors planned.

        Args:
            sizes: Sides of boxes in voxels.
            whole: Usual sides of an image, which no map is coarser than.
        """
        key = (sizes, tuple(whole))
        if key not in self._networks:
            self._networks[key] = planned_network(self.network, sizes, min(whole))
        return self._networks[key]

    def divisor(self, sizes: Sides, whole: Sequence[float]) -> int:
        """Stride of the coarsest map."""
        return level_strides(self.network_for(sizes, whole), sizes)[-1]

    def of_step(self, sizes: Sides, whole: Sequence[float], patch: Patch) -> StepMemory:
        """Memory of a step on patches of a size."""
        network = self.network_for(sizes, whole)
        key = tuple(getattr(network, name, None) for name in PLANNED)
        if key not in self._known:
            info = self._info(sizes, patch)
            self._known[key] = detection_memory(
                lambda: build_detection_network(network, info, load_weights=False),
                info,
                int(self.found.counts.sum(axis=1).max()),
                mixed=self.mixed,
            )
        return self._known[key].of_step(patch)

    def fits(self, sizes: Sides, whole: Sequence[float], patch: Patch, images: int) -> bool:
        """Whether a step of so many patches does."""
        return self.of_step(sizes, whole, patch).images_in(self.memory_gb) >= images

    def _info(self, sizes: Sides, patch: Patch) -> DetectionInfo:
        return DetectionInfo(
            classes=self.found.classes,
            channels=self.found.cases[0].channels,
            patch=patch,
            spacing=self.found.cases[0].spacing,
            box_sizes=sizes,
        )


def network_to_plan(experiment: Experiment) -> LevelNetwork:
    """The network of an experiment.

    Raises:
        ConfigError: If it is not one for several objects.
    """
    network = settings_of(experiment)[0].network
    if isinstance(network, SingleBoxConfig):
        raise ConfigError(
            "planning is for detectors of several objects (--task.network.kind grid, retinanet or"
            " faster-rcnn): a single box is found in a small copy of the whole image"
        )
    return network


def planned_network(network: LevelNetwork, sizes: Sides, shortest: float) -> LevelNetwork:
    """Maps from the smallest objects to the largest, and as many anchors as boxes need.

    Published weights of a whole detector fix all of them: its strides begin with 4.

    Args:
        network: Its other settings stay.
        sizes: Sides of boxes in voxels.
        shortest: Side of an image, which the coarsest map has at least one place for.
    """
    if isinstance(network, FasterRCNNConfig) and network.coco_weights is not None:
        return network.replace(finest_stride=STRIDE_OF_COCO)
    finest = network.replace(finest_stride=finest_stride(sizes))
    levelled = finest.replace(levels=_levels(finest, sizes, shortest))
    if not isinstance(levelled, AnchorSettings):
        return levelled
    for anchors in range(ANCHORS[0], ANCHORS[1] + 1):
        planned = levelled.replace(anchors=anchors)
        decisive = decisive_recall(sizes, anchors_for(planned, sizes, len(sizes[0])))
        if min(decisive.overall, decisive.smallest) >= ENOUGH:
            break
    return planned


def _levels(network: LevelNetwork, sizes: Sides, shortest: float) -> int:
    finest = network.finest_stride or 4
    large = float(np.quantile(box_lengths(sizes), 1 - LARGEST_SHARE))
    fewest, most = LEVELS
    wanted = min(max(1 + ceil(log2(large / (CELLS * finest)) - 0.5), fewest), most)
    coarsest = shortest if network.encoder == "light" else min(shortest, COARSEST_OF_RESNET)
    return max(1, min(wanted, 1 + int(log2(max(coarsest / finest, 1)))))
