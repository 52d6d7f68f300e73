"""Batches of X-rays from the memory map, augmented in the workers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from datamodules.batches import ClassifierBatch
from datamodules.configs.xrays import XrayAugmentation, XrayPreprocessing
from datamodules.image_cache import ImageCache
from datamodules.loader_workers import batch_memory
from datamodules.samplers import Draw, draws_of
from datamodules.transforms.xray_augmentation import AugmentXray
from datamodules.transforms.xray_preprocessing import normalise


@dataclass(frozen=True)
class XrayArrays:
    """All that a worker needs of a dataset, packed, so that it costs no memory a worker.

    Attributes:
        cache: Preprocessed images, ``(M, H, W)``; of candidates ``(M, 2, H, W)``, the context and
            the detail of each.
        starts: int64 ``(n + 1,)``: the images of case ``i`` are ``starts[i]`` to ``starts[i + 1]``.
        targets: float32 ``(n, L)``.
        table: float32 ``(n, F)``, what is known of each case beside its images.
    """

    cache: ImageCache
    starts: NDArray[np.int64]
    targets: NDArray[np.float32]
    table: NDArray[np.float32]


class XrayDataset(Dataset[ClassifierBatch]):
    """Whole batches of images from the memory map.

    Args:
        arrays: Images, targets, table.
        preprocessing: Says how images are normalised.
        augmentation: Random changes, or None.
        seed: Seed of the experiment, part of the key of every random change.
        exams: Whether a case has several images.
    """

    def __init__(
        self,
        arrays: XrayArrays,
        preprocessing: XrayPreprocessing,
        augmentation: XrayAugmentation | None,
        seed: int,
        *,
        exams: bool = False,
    ) -> None:
        self.arrays, self.preprocessing, self.seed, self.exams = arrays, preprocessing, seed, exams
        self.augment = AugmentXray(augmentation) if augmentation is not None else None

    def __len__(self) -> int:
        return len(self.arrays.targets)

    def __getitems__(self, draws: Sequence[Draw]) -> ClassifierBatch:
        """One batch; torch's loader hands over the whole list of draws."""
        index, epoch, draw = draws_of(draws)
        shown = [self._images_of(key) for key in draws]
        stacked = np.stack([image for images in shown for image in images])
        stacked = stacked if stacked.ndim == 4 else stacked[:, None]
        images = batch_memory(stacked.shape)
        normalise(stacked, self.preprocessing, out=images.numpy())
        batch = ClassifierBatch(
            image=images[:, :1],
            target=torch.from_numpy(self.arrays.targets[index.numpy()]),
            index=index,
            epoch=epoch,
            draw=draw,
            table=torch.from_numpy(self.arrays.table[index.numpy()]),
        )
        if images.shape[1] > 1:
            batch["detail"] = images[:, 1:]
        if self.exams:
            views = torch.tensor([len(each) for each in shown])
            batch["case_of"] = torch.repeat_interleave(torch.arange(len(shown)), views)
        return batch

    def _images_of(self, key: Draw) -> list[NDArray[np.uint8]]:
        """Images of one case, uint8 ``(H, W)`` each, or ``(2, H, W)`` of a candidate."""
        rows = range(self.arrays.starts[key.case], self.arrays.starts[key.case + 1])
        films = [self.arrays.cache.read(row) for row in rows]
        if self.augment is None:
            return films
        return [_changed(self.augment, film, self.seed, key, n) for n, film in enumerate(films)]


def _changed(
    augment: AugmentXray, film: NDArray[np.uint8], seed: int, key: Draw, view: int
) -> NDArray[np.uint8]:
    """An augmented image; the context and the detail of a candidate are changed alike."""
    if film.ndim == 2:
        return augment(film, seed, key.epoch, key.draw, view)
    return np.stack([augment(each, seed, key.epoch, key.draw) for each in film])
