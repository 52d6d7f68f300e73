"""Patches of images with the boxes in them, from the memory map; in evaluation, whole cases."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from datamodules.batches import BoxBatch
from datamodules.box_cases import IGNORED, CaseBoxes
from datamodules.configs.boxes import BoxesConfig
from datamodules.loader_workers import batch_memory
from datamodules.samplers import Draw, draws_of
from datamodules.transforms.box_geometry import change_boxes, clip_boxes
from datamodules.transforms.volume_augmentation import augment_images, augment_into
from datamodules.transforms.volume_parameters import (
    AugmentationParameters,
    draw_parameters,
    source_window,
)
from datamodules.volume_cache import VolumeCache
from datamodules.windows import is_foreground, place_patch, read_window

PLACEMENT = 0xB0C5
"""Keeps the draw of a patch's place apart from that of its augmentation."""
LEAST_SIDE = 1.0
"""Voxels; of an object a patch shows at least so much along every axis."""


class BoxWindows(TypedDict):
    """What the patches of a batch are made from on a GPU, each of a size of its own.

    Keys:
        images: float32 ``(C, *window)`` each.
        boxes, labels, index, epoch, draw: As in ``BoxBatch``: of the patches.
    """

    images: list[torch.Tensor]
    boxes: list[torch.Tensor]
    labels: list[torch.Tensor]
    index: torch.Tensor
    epoch: torch.Tensor
    draw: torch.Tensor


@dataclass(frozen=True)
class BoxPatchSettings:
    """What a worker must know to cut out patches.

    Attributes:
        config: Settings of the data.
        seed: Of the experiment.
        spacing: Of the stored images along their axes.
        channels: Of the images.
    """

    config: BoxesConfig
    seed: int
    spacing: tuple[float, ...]
    channels: int

    def parameters(self, keys: Sequence[tuple[int, int]]) -> AugmentationParameters:
        """Random changes of the patches of some (epoch, draw)."""
        config = self.config
        return draw_parameters(
            config.augmentation, self.seed, keys, config.patch, self.spacing, self.channels
        )


class BoxPatches(Dataset[BoxBatch | BoxWindows]):
    """Augmented patches with their boxes, each a function of (seed, epoch, draw).

    Args:
        cache: Preprocessed cases.
        boxes: Of every case, on the prepared grid.
        settings: How patches are drawn.
        augmented: Change the images here; else the windows that they are made from are handed over.
    """

    def __init__(
        self,
        cache: VolumeCache,
        boxes: Sequence[CaseBoxes],
        settings: BoxPatchSettings,
        *,
        augmented: bool = True,
    ) -> None:
        self.cache, self.settings, self.augmented = cache, settings, augmented
        self.boxes = [each.boxes for each in boxes]
        self.labels = [each.training_labels for each in boxes]

    def __len__(self) -> int:
        return len(self.cache)

    def __getitems__(self, draws: Sequence[Draw]) -> BoxBatch | BoxWindows:
        """One batch; torch's loader hands over the whole list of draws."""
        parameters = self.settings.parameters([(draw.epoch, draw.draw) for draw in draws])
        patch = np.asarray(self.settings.config.patch)
        starts = [self._start(draw, patch) for draw in draws]
        sizes = source_window(parameters, self.settings.config.patch)
        windows = (
            self._window(draw.case, start - (size - patch) // 2, size)
            for draw, start, size in zip(draws, starts, sizes, strict=True)
        )
        shown = [
            self._boxes_in(draw.case, matrix, start)
            for draw, matrix, start in zip(draws, parameters.matrix, starts, strict=True)
        ]
        boxes, labels = [box for box, _ in shown], [label for _, label in shown]
        index, epoch, draw = draws_of(draws)
        if not self.augmented:
            return BoxWindows(
                images=list(windows), boxes=boxes, labels=labels, index=index, epoch=epoch,
                draw=draw,
            )  # fmt: skip
        image = batch_memory((len(draws), self.settings.channels, *patch.tolist()))
        for place, window in enumerate(windows):
            none = torch.empty((0, *window.shape[1:]), dtype=torch.uint8)
            nothing = torch.empty((0, *image.shape[2:]), dtype=torch.uint8)
            augment_into(window, none, parameters[place : place + 1], image[place], nothing)
        return BoxBatch(
            image=image, boxes=boxes, labels=labels, index=index, epoch=epoch, draw=draw
        )

    def _start(self, key: Draw, patch: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where a patch begins: about an object, which may lie anywhere in it, or anywhere."""
        config = self.settings.config
        shape = self.cache.shapes[key.case]
        generator = np.random.default_rng([self.settings.seed, key.epoch, key.draw, PLACEMENT])
        centre = None
        if is_foreground(key.draw, config.object_share):
            centre = self._object(key.case, generator)
        if centre is None:
            return place_patch(generator, shape, patch, None)
        shift = (generator.random(len(patch)) - 0.5) * (patch - 1)
        middle = np.floor(centre + shift).astype(np.int64)
        return place_patch(generator, shape, patch, middle)

    def _object(self, case: int, generator: np.random.Generator) -> NDArray[np.float64] | None:
        """The middle of an object of a case, each class as likely; None: it has none."""
        labels = self.labels[case]
        there = np.unique(labels[labels != IGNORED])
        if len(there) == 0:
            return None
        own = np.flatnonzero(labels == generator.choice(there))
        box = self.boxes[case][generator.choice(own)].astype(np.float64)
        return np.asarray(box.reshape(2, -1).mean(axis=0))

    def _window(self, case: int, start: NDArray[np.int64], size: NDArray[np.int64]) -> torch.Tensor:
        window = read_window(self.cache.image(case), start, size, fill=0)
        return torch.from_numpy(window).float()

    def _boxes_in(
        self, case: int, matrix: NDArray[np.float64], start: NDArray[np.int64]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Boxes and labels of a patch; what it shows too little of is ignored."""
        config = self.settings.config
        moved = change_boxes(self.boxes[case], matrix, start, config.patch)
        boxes, share = clip_boxes(moved, config.patch)
        axes = len(config.patch)
        seen = (boxes[:, axes:] - boxes[:, :axes] >= LEAST_SIDE).all(axis=1)
        labels = np.where(share >= config.least_visible, self.labels[case], IGNORED)
        return torch.from_numpy(boxes[seen]), torch.from_numpy(labels[seen])


class WholeImages(Dataset[BoxBatch]):
    """Whole preprocessed cases, one a batch, float16 as they are stored.

    Args:
        cache: Preprocessed cases.
        boxes: Of every case, on the prepared grid.
    """

    def __init__(self, cache: VolumeCache, boxes: Sequence[CaseBoxes]) -> None:
        self.cache, self.boxes = cache, boxes

    def __len__(self) -> int:
        return len(self.cache)

    def __getitems__(self, draws: Sequence[Draw]) -> BoxBatch:
        """The case of a draw; there is exactly one."""
        (key,) = draws
        index, epoch, draw = draws_of(draws)
        own = self.boxes[key.case]
        return BoxBatch(
            image=torch.from_numpy(np.array(self.cache.image(key.case)))[None],
            boxes=[torch.from_numpy(own.boxes)],
            labels=[torch.from_numpy(own.training_labels)],
            index=index,
            epoch=epoch,
            draw=draw,
        )


def change_windows(
    windows: BoxWindows, keys: Sequence[tuple[int, int]], settings: BoxPatchSettings
) -> BoxBatch:
    """The batch of patches of some windows, on the device that they are on.

    Args:
        windows: Of :class:`BoxPatches`.
        keys: Epoch and draw of each, which the CPU knows without waiting for the device.
        settings: Those of the dataset.
    """
    parameters = settings.parameters(keys)
    return BoxBatch(
        image=augment_images(windows["images"], parameters, settings.config.patch),
        boxes=windows["boxes"],
        labels=windows["labels"],
        index=windows["index"],
        epoch=windows["epoch"],
        draw=windows["draw"],
    )
