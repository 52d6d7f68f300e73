"""The training loader of volumes beside MONAI's and nnU-Net's parts, from the same arrays.

A sample counts when it is fully augmented and ready for the network: image float32
``(B, 1, *patch)`` and mask ``(B, 1, *patch)`` in the training process. Every loader has two workers
that live on between epochs and the same batch size, its patches are centred on foreground as often,
and its files are in the page cache. The changes are flips, one affine and noise, as often as in
nnU-Net.

- Lightbox: the dataset, sampler and cache of ``MasksData``: windows from a memory map, stored
  foreground locations, and its own augmentation.
- MONAI: ``CacheDataset`` in memory, ``RandCropByPosNegLabeld``, ``RandFlipd``, ``RandAffined`` and
  ``RandGaussianNoised``, as its tutorials use them.
- batchgeneratorsv2: windows from the same memory map by the same locations, enlarged as nnU-Net
  enlarges them, then ``SpatialTransform``, noise and mirroring with the settings of nnU-Net.
"""

import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from datamodules.configs.masks import MasksConfig
from datamodules.configs.volume_augmentation import LIGHT
from datamodules.errors import LightboxError
from datamodules.loader_workers import begin_worker
from datamodules.mask_dataset import MaskPatches, PatchSettings
from datamodules.samplers import TrainingSampler
from datamodules.volume_cache import VolumeCache
from experiments.benchmarks.comparison import Comparison
from experiments.benchmarks.sizes import Sizes
from experiments.benchmarks.timing import interleaved
from experiments.benchmarks.volume_arrays import OVERSAMPLED, cached, write_case
from experiments.benchmarks.volume_loader_peers import (
    Batch,
    Batches,
    as_it_is,
    monai_batches,
    nnunet_batches,
)

WORKERS = 2
SPACING = (1.0, 1.0, 1.0)


def compare(sizes: Sizes, folder: Path) -> Iterator[Comparison]:
    """Samples a second of the three loaders."""
    cases = [write_case(folder, number, sizes) for number in range(sizes.volumes)]
    loaders: dict[str, Batches] = {
        "ours": lightbox_batches(cached(cases, folder), sizes),
        "monai": monai_batches(cases, sizes, WORKERS),
    }
    if find_spec("batchgeneratorsv2") is None:
        print(
            "skipped: batchgeneratorsv2 is not installed: pip install lightbox[bench]",
            file=sys.stderr,
        )
    else:
        loaders["nnunet"] = nnunet_batches(cases, sizes, WORKERS)
    rates = interleaved(
        {name: _Reading(each, sizes) for name, each in loaders.items()}, sizes.rounds
    )
    names = {"monai": (5, "MONAI CacheDataset"), "nnunet": (1.8, "map + batchgeneratorsv2")}
    patch = " x ".join(map(str, sizes.patch))
    for name, (goal, other) in names.items():
        if name in rates:
            yield Comparison(
                f"volume loader, {WORKERS} workers, patch {patch}",
                "samples/s", rates["ours"], "times the rate", goal, other, rates[name],
            )  # fmt: skip


class _Reading:
    """Reads a loader from end to end, epoch after epoch, and measures samples a second."""

    def __init__(self, batches: Batches, sizes: Sizes) -> None:
        self.batches, self.sizes = batches, sizes

    def __call__(self) -> float:
        start = time.perf_counter()
        samples = sum(self._epoch() for _ in range(self.sizes.volume_epochs))
        return samples / (time.perf_counter() - start)

    def _epoch(self) -> int:
        samples = 0
        for image, mask in self.batches():
            samples += len(image)
            if image.shape[1:] != (1, *self.sizes.patch) or mask.shape != image.shape:
                raise LightboxError(f"a loader gives {tuple(image.shape)} {tuple(mask.shape)}")
            if image.dtype != torch.float32:
                raise LightboxError(f"a loader gives {image.dtype}")
        if samples != self.sizes.volumes:
            raise LightboxError(f"a loader gives {samples} samples of {self.sizes.volumes} cases")
        return samples


def lightbox_batches(cache: VolumeCache, sizes: Sizes) -> Batches:
    """The datamodule's own dataset, sampler and cache."""
    config = MasksConfig(
        patch=sizes.patch, augmentation=LIGHT, foreground_share=OVERSAMPLED, workers=WORKERS
    )
    settings = PatchSettings(config, 0, SPACING, slice_axis=None, channels=1)
    sampler = TrainingSampler(range(len(cache)), sizes.patches, seed=0)
    loader = DataLoader(
        MaskPatches(cache, settings),
        batch_sampler=sampler,
        collate_fn=as_it_is,
        num_workers=WORKERS,
        persistent_workers=WORKERS > 0,
        worker_init_fn=begin_worker,
    )

    def batches() -> Iterator[Batch]:
        sampler.set_epoch(sampler.epoch + 1)
        for batch in loader:
            yield batch["image"], batch["mask"]

    return batches
