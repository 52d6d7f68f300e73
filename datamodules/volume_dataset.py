"""Volumes to classify from the memory map: whole, or in patches, augmented while training."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from datamodules.batches import ClassifierBatch
from datamodules.configs.volumes import PatchesFit, VolumesConfig
from datamodules.held_volumes import HeldVolumes
from datamodules.loader_workers import batch_memory
from datamodules.samplers import Draw, draws_of
from datamodules.transforms.volume_augmentation import augment_images, augment_into
from datamodules.transforms.volume_parameters import (
    AugmentationParameters,
    draw_parameters,
    source_window,
)
from datamodules.volume_cache import VolumeCache
from datamodules.windows import grid_starts, place_patch, read_window

PLACEMENT = 0x51C3D
"""Keeps the draw of a patch's place apart from that of its augmentation."""


class VolumeWindows(TypedDict):
    """What a training batch is made from on a GPU: windows, each of a size of its own.

    Keys:
        images: float32 ``(C, *window)`` each.
        The others: As in ``ClassifierBatch``.
    """

    images: list[Tensor]
    target: Tensor
    index: Tensor
    epoch: Tensor
    draw: Tensor
    table: Tensor
    case_of: NotRequired[Tensor]


@dataclass(frozen=True)
class VolumeView:
    """What a worker must know to show volumes.

    Attributes:
        config: Settings of the data.
        seed: Of the experiment.
        spacing: Of the stored volumes in mm, along their axes.
        channels: Of the stored volumes; of candidates those of the context, then of the detail.
        candidates: Whether cases are candidates.
    """

    config: VolumesConfig
    seed: int
    spacing: tuple[float, ...]
    channels: int
    candidates: bool = False

    @property
    def size(self) -> NDArray[np.int64]:
        """Voxels of what the network sees at once."""
        return np.asarray(self.config.fit.size, np.int64)

    @property
    def patches(self) -> PatchesFit | None:
        """How volumes are seen in patches; None: whole."""
        return self.config.fit if isinstance(self.config.fit, PatchesFit) else None

    def keys(self, draws: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Keys of the images of some (epoch, draw): a patch has one of its own."""
        each = 1 if self.patches is None else self.patches.per_volume
        return [(epoch, draw * each + patch) for epoch, draw in draws for patch in range(each)]

    def parameters(self, keys: Sequence[tuple[int, int]]) -> AugmentationParameters:
        """Random changes of the images of some keys."""
        config = self.config
        return draw_parameters(
            config.augmentation, self.seed, keys, config.fit.size, self.spacing, self.channels
        )


class VolumeDataset(Dataset[ClassifierBatch | VolumeWindows]):
    """Whole batches of volumes, or of patches of them.

    Args:
        cache: Preprocessed volumes; those of files that are predicted are held in memory.
        targets: float32 ``(n, L)``.
        table: float32 ``(n, F)``, what is known of each case beside its volume.
        view: How volumes are shown.
        training: Random places, and random changes; else everything, as it is.
        augmented: Change images here; else windows are handed over, to be changed on the device by
            :func:`augment_volumes`.
    """

    def __init__(
        self,
        cache: VolumeCache | HeldVolumes,
        targets: NDArray[np.float32],
        table: NDArray[np.float32],
        view: VolumeView,
        *,
        training: bool,
        augmented: bool = True,
    ) -> None:
        self.cache, self.targets, self.table = cache, targets, table
        self.view, self.training, self.augmented = view, training, augmented

    def __len__(self) -> int:
        return len(self.targets)

    def __getitems__(self, draws: Sequence[Draw]) -> ClassifierBatch | VolumeWindows:
        """One batch; torch's loader hands over the whole list of draws."""
        images, counts = self._train(draws) if self.training else self._show(draws)
        index, epoch, draw = draws_of(draws)
        rest: dict[str, Any] = {
            "target": torch.from_numpy(self.targets[index.numpy()]),
            "index": index,
            "epoch": epoch,
            "draw": draw,
            "table": torch.from_numpy(self.table[index.numpy()]),
        }
        if self.view.patches is not None:
            rest["case_of"] = torch.repeat_interleave(
                torch.arange(len(draws)), torch.tensor(counts)
            )
        if isinstance(images, list):
            windows: VolumeWindows = {"images": images, **rest}  # type: ignore[typeddict-item]
            return windows
        return finished(images, rest, candidates=self.view.candidates)

    def show(self, draws: Sequence[Draw]) -> ClassifierBatch:
        """The batch of some cases, as evaluation sees them."""
        assert not self.training
        batch: Any = self.__getitems__(draws)
        found: ClassifierBatch = batch
        return found

    def _train(self, draws: Sequence[Draw]) -> tuple[Tensor | list[Tensor], list[int]]:
        view = self.view
        keys = view.keys([(draw.epoch, draw.draw) for draw in draws])
        each = len(keys) // len(draws)
        parameters = view.parameters(keys)
        sizes = source_window(parameters, view.config.fit.size)
        windows = (
            self._cut(draws[place // each].case, key, size)
            for place, (key, size) in enumerate(zip(keys, sizes, strict=True))
        )
        counts = [each] * len(draws)
        if not self.augmented:
            return list(windows), counts
        image = batch_memory((len(keys), view.channels, *view.config.fit.size))
        for place, window in enumerate(windows):  # one at a time, as they are large
            none = window.new_empty((0, *window.shape[1:]), dtype=torch.uint8)
            out = none.new_empty((0, *view.config.fit.size))
            augment_into(window, none, parameters[place : place + 1], image[place], out)
        return image, counts

    def _cut(self, case: int, key: tuple[int, int], window: NDArray[np.int64]) -> Tensor:
        """The window about the image of a key, float32 ``(C, *window)``."""
        size, shape = self.view.size, self.cache.shapes[case]
        if self.view.patches is None:
            start = (shape - size) // 2
        else:
            generator = np.random.default_rng([self.view.seed, *key, PLACEMENT])
            start = place_patch(generator, shape, size, self._centre(case, generator))
        return self._read(case, start - (window - size) // 2, window)

    def _centre(self, case: int, generator: np.random.Generator) -> NDArray[np.int64] | None:
        """A voxel of the foreground; None where there is none, or nobody asks for it."""
        if not self.cache.counts.shape[1] or not self.cache.counts[case, 0]:
            return None
        places = self.cache.places(case, 0)
        return np.asarray(places[generator.integers(len(places))], np.int64)

    def _show(self, draws: Sequence[Draw]) -> tuple[Tensor, list[int]]:
        starts = [self.starts(draw.case) for draw in draws]
        counts = [len(own) for own in starts]
        image = batch_memory((sum(counts), self.view.channels, *self.view.config.fit.size))
        places = (
            (draw.case, start) for draw, own in zip(draws, starts, strict=True) for start in own
        )
        for out, (case, start) in zip(image, places, strict=True):
            out.copy_(self._read(case, start, self.view.size))
        return image, counts

    def starts(self, case: int) -> NDArray[np.int64]:
        """Where what evaluation sees of a case starts, int64 ``(N, 3)``: a patch a row."""
        size, shape = self.view.size, self.cache.shapes[case]
        patches = self.view.patches
        if patches is None:
            return np.asarray((shape - size) // 2)[None]
        grid = grid_starts(shape, size, patches.overlap)
        if not self.cache.counts.shape[1]:
            return grid
        mask = self.cache.mask(case)
        shares = np.array([read_window(mask, start, size, 0).mean() for start in grid])
        kept = shares >= min(patches.least_foreground, shares.max())
        return np.asarray(grid[kept])

    def _read(self, case: int, start: NDArray[np.int64], size: NDArray[np.int64]) -> Tensor:
        window = read_window(self.cache.image(case), start, size, fill=None)
        return torch.from_numpy(window).float()  # torch has vector code for it, NumPy none


def augment_volumes(
    windows: VolumeWindows, draws: Sequence[tuple[int, int]], view: VolumeView
) -> ClassifierBatch:
    """The batch of some windows, on the device that they are on.

    Args:
        windows: Of :class:`VolumeDataset`.
        draws: (epoch, draw) of each case, which the CPU knows without waiting for the device.
        view: That of the dataset.
    """
    parameters = view.parameters(view.keys(draws))
    images = augment_images(windows["images"], parameters, view.config.fit.size)
    rest: dict[str, Any] = {name: value for name, value in windows.items() if name != "images"}
    return finished(images, rest, candidates=view.candidates)


def finished(images: Tensor, rest: dict[str, Any], *, candidates: bool) -> ClassifierBatch:
    """A batch of images ``(N, C, *size)``; of candidates context and detail, apart."""
    batch: ClassifierBatch = {"image": images, **rest}  # type: ignore[typeddict-item]
    if candidates:
        batch["image"], batch["detail"] = images.chunk(2, dim=1)
    return batch
