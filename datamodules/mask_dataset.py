"""Patches of volumes and their masks from the memory map; in evaluation, whole cases."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from datamodules.batches import MaskBatch
from datamodules.configs.masks import MasksConfig
from datamodules.loader_workers import batch_memory
from datamodules.samplers import Draw, draws_of
from datamodules.transforms.volume_augmentation import augment, augment_into
from datamodules.transforms.volume_parameters import (
    AugmentationParameters,
    draw_parameters,
    source_window,
)
from datamodules.volume_cache import VolumeCache
from datamodules.windows import is_foreground, place_patch, read_window

PLACEMENT = 0x9A7C4
"""Keeps the draw of a patch's place apart from that of its augmentation."""


class Windows(TypedDict):
    """What the patches of a batch are made from, each of a size of its own.

    Keys:
        images: float32 ``(C, *window)`` each.
        masks: uint8 ``(M, *window)`` each.
        index, epoch, draw: As in ``MaskBatch``.
    """

    images: list[torch.Tensor]
    masks: list[torch.Tensor]
    index: torch.Tensor
    epoch: torch.Tensor
    draw: torch.Tensor


@dataclass(frozen=True)
class PatchSettings:
    """What a worker must know to cut out patches.

    Attributes:
        config: Settings of the data.
        seed: Of the experiment.
        spacing: Of the stored volumes along the axes of a patch.
        slice_axis: For a 2D network on volumes: the axis that it goes along; else None.
        channels: Of the images.
    """

    config: MasksConfig
    seed: int
    spacing: tuple[float, ...]
    slice_axis: int | None
    channels: int

    def parameters(self, keys: Sequence[tuple[int, int]]) -> AugmentationParameters:
        """Random changes of the patches of some (epoch, draw)."""
        config = self.config
        return draw_parameters(
            config.augmentation, self.seed, keys, config.patch, self.spacing, self.channels
        )

    def full(self, size: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
        """Size of a patch along every axis of a case: a slice is 1 thick."""
        sizes = list(size)
        if self.slice_axis is not None:
            sizes.insert(self.slice_axis, 1)
        return np.asarray(sizes, np.int64)


class MaskPatches(Dataset[MaskBatch | Windows]):
    """Augmented patches, each a function of (seed, epoch, draw).

    Args:
        cache: Preprocessed cases.
        settings: How patches are drawn.
        augmented: Change the patches here; else the windows that they are made from are handed
            over, to be changed on the device by :func:`augment_windows`.
    """

    def __init__(
        self, cache: VolumeCache, settings: PatchSettings, *, augmented: bool = True
    ) -> None:
        self.cache, self.settings, self.augmented = cache, settings, augmented

    def __len__(self) -> int:
        return len(self.cache)

    def __getitems__(self, draws: Sequence[Draw]) -> MaskBatch | Windows:
        """One batch; torch's loader hands over the whole list of draws."""
        parameters = self.settings.parameters([(draw.epoch, draw.draw) for draw in draws])
        sizes = source_window(parameters, self.settings.config.patch)
        cut = (self._cut(key, size) for key, size in zip(draws, sizes, strict=True))
        index, epoch, draw = draws_of(draws)
        if not self.augmented:
            images, masks = map(list, zip(*cut, strict=True))
            return Windows(images=images, masks=masks, index=index, epoch=epoch, draw=draw)
        channels, patch = self.cache.description, self.settings.config.patch
        image = batch_memory((len(draws), channels["channels"], *patch))
        mask = batch_memory((len(draws), channels["mask_channels"], *patch), torch.uint8)
        for place, window in enumerate(cut):  # one window at a time, as they are large
            augment_into(*window, parameters[place : place + 1], image[place], mask[place])
        return MaskBatch(image=image, mask=mask, index=index, epoch=epoch, draw=draw)

    def _cut(self, key: Draw, window: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
        """The window about a draw's patch, float32 ``(C, *window)`` and uint8 ``(M, *window)``."""
        config = self.settings.config
        shape = self.cache.shapes[key.case]
        patch, full = self.settings.full(config.patch), self.settings.full(window)
        generator = np.random.default_rng([self.settings.seed, key.epoch, key.draw, PLACEMENT])
        wanted = is_foreground(key.draw, config.foreground_share)
        centre = self._voxel(key.case, generator) if wanted else None
        start = place_patch(generator, shape, patch, centre)
        start -= (full - patch) // 2
        image = read_window(self.cache.image(key.case), start, full, fill=0)
        mask = read_window(self.cache.mask(key.case), start, full, fill=0)
        if self.settings.slice_axis is not None:
            thin = 1 + self.settings.slice_axis
            image, mask = image.squeeze(thin), mask.squeeze(thin)
        # torch has vector code for half precision; NumPy takes seven times as long.
        return torch.from_numpy(image).float(), torch.from_numpy(mask)

    def _voxel(self, case: int, generator: np.random.Generator) -> NDArray[np.int64] | None:
        """A voxel of a structure of the case, each structure as likely; None: it has none."""
        there = np.flatnonzero(self.cache.counts[case])
        if len(there) == 0:
            return None
        places = self.cache.places(case, int(generator.choice(there)))
        return np.asarray(places[generator.integers(len(places))], np.int64)


class WholeCases(Dataset[MaskBatch]):
    """Whole preprocessed cases, one a batch, float16 as they are stored: windows are read of them.

    Args:
        cache: Preprocessed cases.
    """

    def __init__(self, cache: VolumeCache) -> None:
        self.cache = cache

    def __len__(self) -> int:
        return len(self.cache)

    def __getitems__(self, draws: Sequence[Draw]) -> MaskBatch:
        """The case of a draw; there is exactly one."""
        (key,) = draws
        index, epoch, draw = draws_of(draws)
        return MaskBatch(
            image=torch.from_numpy(np.array(self.cache.image(key.case)))[None],
            mask=torch.from_numpy(np.array(self.cache.mask(key.case)))[None],
            index=index,
            epoch=epoch,
            draw=draw,
        )


def augment_windows(
    windows: Windows, keys: Sequence[tuple[int, int]], settings: PatchSettings
) -> MaskBatch:
    """The batch of patches of some windows, on the device that they are on.

    Args:
        windows: Of :class:`MaskPatches`.
        keys: Epoch and draw of each, which the CPU knows without waiting for the device.
        settings: Those of the dataset.
    """
    parameters = settings.parameters(keys)
    image, mask = augment(windows["images"], windows["masks"], parameters, settings.config.patch)
    return MaskBatch(
        image=image,
        mask=mask,
        index=windows["index"],
        epoch=windows["epoch"],
        draw=windows["draw"],
    )
