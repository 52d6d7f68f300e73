"""Images a second of augmented pictures with their boxes, for two workers.

- Lightbox: ``BoxesData`` with its sampler, memory map, augmentation, boxes and ids.
- torchvision from PNG: decodes, halves and augments every picture in every epoch.
- torchvision in memory: only augments halved pictures that the dataset holds.

All augment with mirrors, scale, brightness, contrast, blur and noise, as often and as strongly;
torchvision goes the way of its own references: tensors of 8 bits, boxes as ``tv_tensors``.
"""

import csv
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.io import decode_image
from torchvision.transforms import v2
from torchvision.tv_tensors import BoundingBoxes, BoundingBoxFormat

from datamodules.boxes import BoxesData
from datamodules.configs.boxes import BoxesConfig
from datamodules.configs.splits import SplitConfig
from datamodules.configs.volume_augmentation import VolumeAugmentation
from datamodules.configs.volume_preprocessing import Rgb, VolumePreprocessing
from datamodules.errors import LightboxError
from datamodules.readers.boxes_csv import BoxesCsvReader
from experiments.benchmarks.comparison import Comparison
from experiments.benchmarks.sizes import Sizes
from experiments.benchmarks.timing import interleaved

WORKERS = 2
PIXELS = (480, 640)
"""Height and width of the files."""
PATCH = (240, 320)
"""What the network sees: half of that."""
OBJECTS = 15
"""Of a picture."""
BATCH = 8
VALIDATION = 2
"""Pictures beside those of training, which a dataset has to have."""
AUGMENTATION = VolumeAugmentation(
    rotation_probability=0,
    scale_probability=0.5,
    scale=(0.8, 1.25),
    low_resolution_probability=0,
    gamma_probability=0,
    inverted_gamma_probability=0,
)
Example = tuple[Tensor, Tensor]
Batches = Callable[[int], Iterator[tuple[Tensor, Sequence[Tensor]]]]
"""From the number of an epoch to its pictures and their boxes, batch by batch."""


def compare(sizes: Sizes, folder: Path) -> Iterator[Comparison]:
    """Images a second of the three loaders."""
    root = folder / "pictures"
    boxes = write_pictures(root, sizes.pictures)
    data = BoxesData(
        BoxesConfig(
            reader=BoxesCsvReader(root=str(root), patient_column="patient", split_column="split"),
            split=SplitConfig(test_fraction=0.0),
            preprocessing=VolumePreprocessing(
                spacing_mm=(2.0, 2.0), crop_to_nonzero=False, normalisation=Rgb(), order=1
            ),
            patch=PATCH,
            object_share=0,
            augmentation=AUGMENTATION,
            batch_size=BATCH,
            workers=WORKERS,
        )
    )
    data.check()
    data.prepare()
    halve = v2.Resize(PATCH)
    held = [halve(*each) for each in _Files(root, boxes)]
    loaders = {
        "ours": _Reading(_lightbox(data), sizes, sizes.picture_epochs),
        "png": _Reading(_torchvision(_Files(root, boxes), [halve]), sizes, 1),
        "memory": _Reading(_torchvision(held, []), sizes, 1),
    }
    rates = interleaved(loaders, sizes.rounds)
    subject = f"boxes, {WORKERS} workers, {PATCH[0]} x {PATCH[1]} px"
    others = (("png", 2, "torchvision from PNG"), ("memory", 1, "torchvision in memory"))
    for name, goal, other in others:
        yield Comparison(
            subject, "images/s", rates["ours"], "times the rate", goal, other, rates[name]
        )


def write_pictures(root: Path, count: int) -> list[np.ndarray]:
    """Noise with bright boxes, in PNG, and a table.

    Returns:
        Boxes of the pictures of training, ``(N, 4)`` each: x, y, width, height.
    """
    root.mkdir(parents=True)
    chance = np.random.default_rng(0)
    sides = np.array(PIXELS[::-1])
    found = []
    with (root / "boxes.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("image", "label", "x", "y", "width", "height", "patient", "split"))
        for number in range(count + VALIDATION):
            split = "train" if number < count else "val"
            picture = chance.normal(90, 12, (*PIXELS, 3))
            size = chance.integers(24, 120, (OBJECTS, 2))
            boxes = np.concatenate([chance.integers(0, sides - size), size], axis=1)
            for x, y, width, height in boxes:
                picture[y : y + height, x : x + width] += 40
                table.writerow((f"{number:04d}.png", "cell", x, y, width, height, number, split))
            pixels = np.clip(picture, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / f"{number:04d}.png")
            found.append(boxes)
    return found[:count]


class _Reading:
    """Reads a loader from end to end, and measures images a second."""

    def __init__(self, batches: Batches, sizes: Sizes, epochs: int) -> None:
        self.batches, self.sizes, self.epochs, self.epoch = batches, sizes, epochs, 0

    def __call__(self) -> float:
        start, images, boxes = time.perf_counter(), 0, 0
        for _ in range(self.epochs):
            for pictures, own in self.batches(self.epoch):
                images += len(pictures)
                boxes += sum(map(len, own))
            self.epoch += 1
        duration = time.perf_counter() - start
        if pictures.dtype != torch.float32 or pictures.shape[1:] != (3, *PATCH):
            raise LightboxError(f"a loader gives {pictures.dtype} {tuple(pictures.shape)}")
        if images != self.epochs * self.sizes.pictures or boxes < images * OBJECTS / 2:
            raise LightboxError(f"a loader gives {images} pictures with {boxes} boxes")
        return images / duration


def _lightbox(data: BoxesData) -> Batches:
    loader = data.train_dataloader()
    sampler: Any = loader.batch_sampler

    def batches(epoch: int) -> Iterator[tuple[Tensor, Sequence[Tensor]]]:
        sampler.set_epoch(epoch)
        for batch in loader:
            found = data.on_before_batch_transfer(batch, 0)
            yield found["image"], found["boxes"]

    return batches


class _Files(Sequence[tuple[Tensor, BoundingBoxes]]):
    """Pictures of 8 bits with boxes, decoded whenever they are asked for."""

    def __init__(self, root: Path, boxes: Sequence[np.ndarray]) -> None:
        self.root, self.boxes = root, boxes

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, index: Any) -> Any:  # noqa: ANN401
        if index >= len(self):
            raise IndexError(index)
        boxes = BoundingBoxes(self.boxes[index], format=BoundingBoxFormat.XYWH, canvas_size=PIXELS)
        return decode_image(str(self.root / f"{index:04d}.png")), boxes


def torchvision_augmentation(settings: VolumeAugmentation) -> list[Any]:
    """Transforms of torchvision for the augmentation of Lightbox."""
    low, high = settings.scale
    brightness = v2.ColorJitter(brightness=settings.brightness)
    contrast = v2.ColorJitter(contrast=settings.contrast)
    return [
        v2.RandomHorizontalFlip(),
        v2.RandomVerticalFlip(),
        v2.RandomApply([v2.RandomAffine(0, scale=(1 / high, 1 / low))], settings.scale_probability),
        v2.RandomApply([brightness], settings.brightness_probability),
        v2.RandomApply([contrast], settings.contrast_probability),
        v2.RandomApply([v2.GaussianBlur(5, settings.blur)], settings.blur_probability),
        v2.ToDtype(torch.float32, scale=True),
        v2.RandomApply([v2.GaussianNoise(sigma=settings.noise / 2)], settings.noise_probability),
        v2.ClampBoundingBoxes(),
        v2.SanitizeBoundingBoxes(labels_getter=None),
    ]


class _Pictures(Dataset[Example]):
    """Pictures that are augmented."""

    def __init__(self, items: Sequence[Any], transform: Any) -> None:  # noqa: ANN401
        self.items, self.transform = items, transform

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Example:
        picture, boxes = self.transform(*self.items[index])
        return picture, boxes


def _torchvision(items: Sequence[Any], first: Sequence[Any]) -> Batches:
    transform = v2.Compose([*first, *torchvision_augmentation(AUGMENTATION)])
    loader = DataLoader(
        _Pictures(items, transform),
        BATCH,
        shuffle=True,
        num_workers=WORKERS,
        persistent_workers=True,
        collate_fn=_collate,
    )

    def batches(epoch: int) -> Iterator[tuple[Tensor, Sequence[Tensor]]]:
        del epoch
        return iter(loader)

    return batches


def _collate(examples: Sequence[Example]) -> tuple[Tensor, list[Tensor]]:
    return torch.stack([each for each, _ in examples]), [own for _, own in examples]
