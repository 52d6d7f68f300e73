"""Patches of images with the landmarks in them, from the memory map; in evaluation, whole cases."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from datamodules.batches import PointBatch
from datamodules.configs.landmarks import LandmarksConfig
from datamodules.loader_workers import batch_memory
from datamodules.samplers import Draw, draws_of
from datamodules.transforms.point_geometry import change_points, is_mirrored
from datamodules.transforms.volume_augmentation import augment_images, augment_into
from datamodules.transforms.volume_parameters import (
    AugmentationParameters,
    draw_parameters,
    source_window,
)
from datamodules.volume_cache import VolumeCache
from datamodules.windows import is_foreground, place_patch, read_window

PLACEMENT = 0x901475
"""Keeps the draw of a patch's place apart from that of its augmentation."""
Points = NDArray[np.float32]


class PointWindows(TypedDict):
    """What the patches of a batch are made from on a GPU, each of a size of its own.

    Keys:
        images: float32 ``(C, *window)`` each.
        points, index, epoch, draw: As in ``PointBatch``: of the patches.
    """

    images: list[torch.Tensor]
    points: torch.Tensor
    index: torch.Tensor
    epoch: torch.Tensor
    draw: torch.Tensor


@dataclass(frozen=True)
class PointPatchSettings:
    """What a worker must know to cut out patches.

    Attributes:
        config: Settings of the data.
        seed: Of the experiment.
        spacing: Of the stored images along their axes.
        channels: Of the images.
        swapped: Of each landmark, the number of the one that it becomes in a mirror image.
    """

    config: LandmarksConfig
    seed: int
    spacing: tuple[float, ...]
    channels: int
    swapped: tuple[int, ...]

    def parameters(self, keys: Sequence[tuple[int, int]]) -> AugmentationParameters:
        """Random changes of the patches of some (epoch, draw)."""
        config = self.config
        return draw_parameters(
            config.augmentation, self.seed, keys, config.patch, self.spacing, self.channels
        )


class PointPatches(Dataset[PointBatch | PointWindows]):
    """Augmented patches with their landmarks, each a function of (seed, epoch, draw).

    Args:
        cache: Preprocessed cases.
        points: Of every case ``(K, axes)``, on the prepared grid; NaN: not marked.
        settings: How patches are drawn.
        augmented: Change the images here; else the windows that they are made from are handed over.
    """

    def __init__(
        self,
        cache: VolumeCache,
        points: Sequence[Points],
        settings: PointPatchSettings,
        *,
        augmented: bool = True,
    ) -> None:
        self.cache, self.points = cache, points
        self.settings, self.augmented = settings, augmented

    def __len__(self) -> int:
        return len(self.cache)

    def __getitems__(self, draws: Sequence[Draw]) -> PointBatch | PointWindows:
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
            self._points_in(draw.case, matrix, start)
            for draw, matrix, start in zip(draws, parameters.matrix, starts, strict=True)
        ]
        points = torch.from_numpy(np.stack(shown))
        index, epoch, draw = draws_of(draws)
        if not self.augmented:
            return PointWindows(
                images=list(windows), points=points, index=index, epoch=epoch, draw=draw
            )
        image = batch_memory((len(draws), self.settings.channels, *patch.tolist()))
        for place, window in enumerate(windows):
            none = torch.empty((0, *window.shape[1:]), dtype=torch.uint8)
            nothing = torch.empty((0, *image.shape[2:]), dtype=torch.uint8)
            augment_into(window, none, parameters[place : place + 1], image[place], nothing)
        return PointBatch(image=image, points=points, index=index, epoch=epoch, draw=draw)

    def _start(self, key: Draw, patch: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where a patch begins: about a whole image, about a landmark, or anywhere."""
        config, shape = self.settings.config, self.cache.shapes[key.case]
        generator = np.random.default_rng([self.settings.seed, key.epoch, key.draw, PLACEMENT])
        if (shape <= patch).all():
            moved = (2 * generator.random(len(patch)) - 1) * config.shift * shape
            start = place_patch(generator, shape, patch, None)
            return np.asarray(start + np.rint(moved).astype(np.int64))
        centre = None
        if is_foreground(key.draw, config.point_share):
            centre = self._landmark(key.case, generator)
        if centre is None:
            return place_patch(generator, shape, patch, None)
        within = (generator.random(len(patch)) - 0.5) * (patch - 1)
        return place_patch(generator, shape, patch, np.floor(centre + within).astype(np.int64))

    def _landmark(self, case: int, generator: np.random.Generator) -> NDArray[np.float64] | None:
        """The place of a landmark of a case; None: none is marked."""
        marked = np.flatnonzero(~np.isnan(self.points[case]).any(axis=1))
        if len(marked) == 0:
            return None
        return np.asarray(self.points[case][generator.choice(marked)], np.float64)

    def _window(self, case: int, start: NDArray[np.int64], size: NDArray[np.int64]) -> torch.Tensor:
        window = read_window(self.cache.image(case), start, size, fill=0)
        return torch.from_numpy(window).float()

    def _points_in(
        self, case: int, matrix: NDArray[np.float64], start: NDArray[np.int64]
    ) -> Points:
        """Landmarks as a patch shows them; a mirror image swaps their names."""
        points = change_points(self.points[case], matrix, start, self.settings.config.patch)
        return points[list(self.settings.swapped)] if is_mirrored(matrix) else points


class WholePointImages(Dataset[PointBatch]):
    """Whole preprocessed cases, one a batch, float16 as they are stored.

    Args:
        cache: Preprocessed cases.
        points: Of every case ``(K, axes)``, on the prepared grid; NaN: not marked.
    """

    def __init__(self, cache: VolumeCache, points: Sequence[Points]) -> None:
        self.cache, self.points = cache, points

    def __len__(self) -> int:
        return len(self.cache)

    def __getitems__(self, draws: Sequence[Draw]) -> PointBatch:
        """The case of a draw; there is exactly one."""
        (key,) = draws
        index, epoch, draw = draws_of(draws)
        return PointBatch(
            image=torch.from_numpy(np.array(self.cache.image(key.case)))[None],
            points=torch.from_numpy(self.points[key.case])[None],
            index=index,
            epoch=epoch,
            draw=draw,
        )


def change_windows(
    windows: PointWindows, keys: Sequence[tuple[int, int]], settings: PointPatchSettings
) -> PointBatch:
    """The batch of patches of some windows, on the device that they are on.

    Args:
        windows: Of :class:`PointPatches`.
        keys: Epoch and draw of each, which the CPU knows without waiting for the device.
        settings: Those of the dataset.
    """
    parameters = settings.parameters(keys)
    return PointBatch(
        image=augment_images(windows["images"], parameters, settings.config.patch),
        points=windows["points"],
        index=windows["index"],
        epoch=windows["epoch"],
        draw=windows["draw"],
    )
