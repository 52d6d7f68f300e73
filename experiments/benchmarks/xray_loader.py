"""The training loader of X-rays beside MONAI's transforms, from the same films.

A film counts when it is augmented and ready for the network: float32, normalised, in a batch
``(B, 1, H, W)`` in the training process. Every loader has two workers that live on between epochs
and the same batch size, and its files are in the page cache.

- Lightbox: ``XraysData`` with its sampler, memory map, augmentation and ids.
- MONAI from PNG: reads (Pillow, the reader of MONAI for PNG), scales, resizes (area) and augments
  every film in every epoch.
- MONAI on the map: only augments, from the map that Lightbox made.

MONAI's augmentation has the settings of ours: one affine, contrast about the mean, brightness,
gamma, noise. It is given every advantage that we know of: plain tensors instead of MetaTensors, an
array pipeline without dictionaries, a cached grid, and torch's own collation.
"""

import math
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.data.meta_obj import get_track_meta, set_track_meta
from monai.data.utils import worker_init_fn
from monai.transforms.compose import Compose
from monai.transforms.intensity.array import (
    NormalizeIntensity,
    RandAdjustContrast,
    RandGaussianNoise,
    RandScaleIntensityFixedMean,
    RandShiftIntensity,
    ScaleIntensityRange,
)
from monai.transforms.io.array import LoadImage
from monai.transforms.spatial.array import RandAffine, Resize
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from datamodules.configs.splits import SplitConfig
from datamodules.configs.xrays import XrayAugmentation, XrayPreprocessing, XraysConfig
from datamodules.errors import LightboxError
from datamodules.readers.folder import FolderReader
from datamodules.xrays import XraysData
from experiments.benchmarks.comparison import Comparison
from experiments.benchmarks.films import write_films
from experiments.benchmarks.sizes import Sizes
from experiments.benchmarks.timing import interleaved

WORKERS = 2
WHITE_8, WHITE_16 = 255, 65535
Load = Callable[[Any], Tensor]
Batches = Callable[[int], Iterator[Tensor]]
"""From the number of an epoch to its images, batch by batch."""


def compare(sizes: Sizes, folder: Path) -> Iterator[Comparison]:
    """Images a second of the three loaders."""
    root = folder / "films"
    write_films(root, sizes.films, sizes.film_pixels)
    data = XraysData(
        XraysConfig(
            reader=FolderReader(root=str(root)),
            split=SplitConfig(test_fraction=0.0),
            preprocessing=XrayPreprocessing(size=sizes.stored_pixels),
            batch_size=sizes.batch_size,
            workers=WORKERS,
        )
    )
    data.prepare()
    with _plain_tensors():
        loaders = {
            "ours": _Reading(_lightbox(data), sizes, sizes.epochs),
            "map": _Reading(_monai_on_map(data), sizes, 1),
            "png": _Reading(_monai_from_png(data, root), sizes, 1),
        }
        rates = interleaved(loaders, sizes.rounds)
    subject = f"loader, {WORKERS} workers, {sizes.stored_pixels} px"
    for name, goal, other in (("png", 10, "MONAI from PNG"), ("map", 3.5, "MONAI on the map")):
        yield Comparison(
            subject, "images/s", rates["ours"], "times the rate", goal, other, rates[name]
        )


class _Reading:
    """Reads a loader from end to end, and measures images a second."""

    def __init__(self, batches: Batches, sizes: Sizes, epochs: int) -> None:
        self.batches, self.sizes, self.epochs, self.epoch = batches, sizes, epochs, 0

    def __call__(self) -> float:
        start, images = time.perf_counter(), 0
        for _ in range(self.epochs):
            for batch in self.batches(self.epoch):
                images += len(batch)
            self.epoch += 1
        duration = time.perf_counter() - start
        size = self.sizes.stored_pixels
        if batch.dtype != torch.float32 or batch.shape[1:] != (1, size, size):
            raise LightboxError(f"a loader gives {batch.dtype} {tuple(batch.shape)}")
        if images != self.epochs * self.sizes.films:
            raise LightboxError(f"a loader gives {images} films in {self.epochs} epochs")
        return images / duration


def _lightbox(data: XraysData) -> Batches:
    loader = data.train_dataloader()
    sampler: Any = loader.batch_sampler

    def batches(epoch: int) -> Iterator[Tensor]:
        sampler.set_epoch(epoch)
        for batch in loader:
            yield data.on_before_batch_transfer(batch, 0)["image"]

    return batches


def _monai_on_map(data: XraysData) -> Batches:
    images = data.cache.images
    size = data.config.preprocessing.size

    def load(index: int) -> Tensor:
        return torch.from_numpy(images[index].astype(np.float32)).div_(WHITE_8)[None]

    augment = Compose(augmentation(data.config.augmentation, data.config.preprocessing, size))
    return _monai(_Films(data.indices("train"), lambda index: augment(load(index))), data)


def _monai_from_png(data: XraysData, root: Path) -> Batches:
    cases = [data.table.cases[index] for index in data.indices("train")]
    paths = [root / case.inputs["image"].path for case in cases]
    transform = prepared_by_monai(data.config.augmentation, data.config.preprocessing)
    return _monai(_Films(paths, transform), data)


def prepared_by_monai(settings: XrayAugmentation, preprocessing: XrayPreprocessing) -> Load:
    """MONAI's transforms from a path to what the network sees, ``(1, W, H)``: its own order."""
    size = preprocessing.size
    with warnings.catch_warnings(action="ignore"):  # about decoders of DICOM
        read = LoadImage(reader="PILReader", image_only=True, ensure_channel_first=True)
    transform: Load = Compose(
        [
            read,
            ScaleIntensityRange(0, WHITE_16, 0, 1, clip=True),
            Resize((size, size), mode="area"),
            *augmentation(settings, preprocessing, size),
        ]
    )
    return transform


def augmentation(
    settings: XrayAugmentation, preprocessing: XrayPreprocessing, size: int
) -> list[Any]:
    """MONAI's transforms for the augmentation of Lightbox without flips and erasing."""
    gamma = 1 + settings.gamma
    mean: Any = preprocessing.mean  # it takes numbers, whatever its annotations say
    std: Any = preprocessing.std
    return [
        RandAffine(
            prob=1.0,
            rotate_range=math.radians(settings.rotation_degrees),
            translate_range=(settings.translation * size, settings.translation * size),
            scale_range=(settings.scale, settings.scale),
            spatial_size=(size, size),
            padding_mode="border",
            cache_grid=True,
        ),
        RandScaleIntensityFixedMean(prob=1.0, factors=settings.contrast),
        RandShiftIntensity(prob=1.0, offsets=settings.brightness),
        RandAdjustContrast(prob=1.0, gamma=(1 / gamma, gamma)),
        RandGaussianNoise(prob=1.0, std=settings.noise, sample_std=True),
        NormalizeIntensity(mean, std),
    ]


class _Films(Dataset[tuple[Tensor, int]]):
    """Films with their number, so that batches are collated as usual."""

    def __init__(self, items: Sequence[Any], load: Load) -> None:
        self.items, self.load = items, load

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.load(self.items[index]), index


def _monai(dataset: _Films, data: XraysData) -> Batches:
    loader = DataLoader(
        dataset,
        data.config.batch_size,
        shuffle=True,
        num_workers=WORKERS,
        persistent_workers=True,
        worker_init_fn=worker_init_fn,
    )

    def batches(epoch: int) -> Iterator[Tensor]:
        del epoch
        return (images for images, _ in loader)

    return batches


@contextmanager
def _plain_tensors() -> Iterator[None]:
    """Without MONAI's MetaTensors, which cost it a third of its speed."""
    before = get_track_meta()
    set_track_meta(False)
    try:
        yield
    finally:
        set_track_meta(before)
