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

import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.data.dataloader import DataLoader as MonaiLoader
from monai.data.dataset import CacheDataset
from monai.transforms.compose import Compose
from monai.transforms.croppad.dictionary import RandCropByPosNegLabeld
from monai.transforms.intensity.dictionary import RandGaussianNoised
from monai.transforms.io.dictionary import LoadImaged
from monai.transforms.spatial.dictionary import RandAffined, RandFlipd
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from datamodules.cache_builder import CacheBuilder, CacheItem
from datamodules.cases import Source
from datamodules.configs.masks import MasksConfig
from datamodules.configs.volume_augmentation import LIGHT
from datamodules.errors import LightboxError
from datamodules.mask_dataset import MaskPatches, PatchSettings
from datamodules.samplers import TrainingSampler
from datamodules.transforms.volume_geometry import VolumeGeometry
from datamodules.volume import Volume
from datamodules.volume_cache import VolumeCache, VolumeContent
from experiments.benchmarks.comparison import Comparison
from experiments.benchmarks.sizes import Sizes
from experiments.benchmarks.timing import interleaved

WORKERS = 2
SPACING = (1.0, 1.0, 1.0)
OVERSAMPLED = 1 / 3
ROTATION = math.radians(30)
Batch = tuple[Tensor, Tensor]
Batches = Callable[[], Iterator[Batch]]


def compare(sizes: Sizes, folder: Path) -> Iterator[Comparison]:
    """Samples a second of the three loaders."""
    cases = [_write_case(folder, number, sizes) for number in range(sizes.volumes)]
    loaders: dict[str, Batches] = {
        "ours": _lightbox(cases, folder, sizes),
        "monai": _monai(cases, sizes),
    }
    if find_spec("batchgeneratorsv2") is None:
        print(
            "skipped: batchgeneratorsv2 is not installed: pip install lightbox[bench]",
            file=sys.stderr,
        )
    else:
        loaders["nnunet"] = _loader(_Nnunet(cases, sizes), sizes)
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
    """Reads a loader from end to end, and measures samples a second."""

    def __init__(self, batches: Batches, sizes: Sizes) -> None:
        self.batches, self.sizes = batches, sizes

    def __call__(self) -> float:
        start, samples = time.perf_counter(), 0
        for image, mask in self.batches():
            samples += len(image)
            if image.shape[1:] != (1, *self.sizes.patch) or mask.shape != image.shape:
                raise LightboxError(f"a loader gives {tuple(image.shape)} {tuple(mask.shape)}")
            if image.dtype != torch.float32:
                raise LightboxError(f"a loader gives {image.dtype}")
        duration = time.perf_counter() - start
        if samples != self.sizes.volumes:
            raise LightboxError(f"a loader gives {samples} samples of {self.sizes.volumes} cases")
        return samples / duration


class _Case:
    """Memory maps of one case, and where its foreground is."""

    def __init__(self, stem: Path) -> None:
        self.paths = {name: f"{stem}_{name}.npy" for name in ("image", "mask")}
        self.image = np.load(self.paths["image"], mmap_mode="r")
        self.mask = np.load(self.paths["mask"], mmap_mode="r")
        self.locations = np.load(f"{stem}_locations.npy")

    def start(self, patch: Sequence[int], random: np.random.Generator) -> list[int]:
        """First voxel of a patch, about a foreground voxel or anywhere."""
        room = np.array(self.image.shape[1:]) - np.array(patch)
        if random.random() < OVERSAMPLED:
            centre = self.locations[random.integers(len(self.locations))]
            return [int(each) for each in np.clip(centre - np.array(patch) // 2, 0, room)]
        return [int(each) for each in random.integers(0, room + 1)]


def read_window(array: NDArray[Any], start: Sequence[int], window: Sequence[int]) -> Tensor:
    """Copy a window of ``(C, *spatial)``; what lies outside is 0."""
    first = [max(0, begin) for begin in start]
    last = [
        min(size, begin + length)
        for begin, length, size in zip(start, window, array.shape[1:], strict=True)
    ]
    inner = array[:, *(slice(*ends) for ends in zip(first, last, strict=True))]
    if inner.shape[1:] == tuple(window):
        return torch.from_numpy(np.array(inner))
    found = np.zeros((len(array), *window), array.dtype)
    offsets = [begin - outer for begin, outer in zip(first, start, strict=True)]
    found[:, *(slice(o, o + n) for o, n in zip(offsets, inner.shape[1:], strict=True))] = inner
    return torch.from_numpy(found)


def _lightbox(cases: list[_Case], folder: Path, sizes: Sizes) -> Batches:
    """The datamodule's own dataset, sampler and cache."""
    config = MasksConfig(
        patch=sizes.patch, augmentation=LIGHT, foreground_share=OVERSAMPLED, workers=WORKERS
    )
    settings = PatchSettings(config, 0, SPACING, slice_axis=None, channels=1)
    sampler = TrainingSampler(range(len(cases)), sizes.patches, seed=0)
    loader = DataLoader(
        MaskPatches(_cache(cases, folder), settings),
        batch_sampler=sampler,
        collate_fn=_as_it_is,
        num_workers=WORKERS,
        persistent_workers=WORKERS > 0,
    )

    def batches() -> Iterator[Batch]:
        sampler.set_epoch(sampler.epoch + 1)
        for batch in loader:
            yield batch["image"], batch["mask"]

    return batches


@dataclass(frozen=True, eq=False)
class _Prepared:
    image: NDArray[np.float32]
    mask: NDArray[np.uint8]
    geometry: VolumeGeometry
    content_hash: bytes = bytes(16)


def _cache(cases: list[_Case], folder: Path) -> VolumeCache:
    """The same arrays as a run keeps them."""

    def prepare(items: Sequence[CacheItem]) -> _Prepared:
        case = cases[int(items[0].case_id)]
        grid = Volume(np.empty(case.image.shape, np.uint8), np.eye(4))
        return _Prepared(np.array(case.image), np.array(case.mask), VolumeGeometry.of(grid))

    items = [[CacheItem(str(n), Source("volume"), folder)] for n in range(len(cases))]
    content = VolumeContent("volumes", items, prepare, 1, 0, lambda _: "")
    return CacheBuilder(folder / "entry", content, VolumeCache).build()


class _Nnunet(Dataset[Batch]):
    def __init__(self, cases: list[_Case], sizes: Sizes) -> None:
        from batchgeneratorsv2.transforms.intensity.gaussian_noise import GaussianNoiseTransform
        from batchgeneratorsv2.transforms.spatial.mirroring import MirrorTransform
        from batchgeneratorsv2.transforms.spatial.spatial import SpatialTransform
        from batchgeneratorsv2.transforms.utils.compose import ComposeTransforms
        from batchgeneratorsv2.transforms.utils.random import RandomTransform
        from batchgeneratorsv2.transforms.utils.remove_label import RemoveLabelTansform

        self.cases, self.patch = cases, sizes.patch
        self.window = enlarged_patch(sizes.patch)
        self.transform = ComposeTransforms(
            [
                SpatialTransform(
                    sizes.patch, patch_center_dist_from_border=0, random_crop=False,
                    p_rotation=LIGHT.rotation_probability, rotation=(-ROTATION, ROTATION),
                    p_scaling=LIGHT.scale_probability, scaling=LIGHT.scale,
                    p_synchronize_scaling_across_axes=1, bg_style_seg_sampling=False,
                    border_mode_seg="constant", padding_value_seg=-1,
                ),
                RandomTransform(
                    GaussianNoiseTransform(
                        noise_variance=(0, LIGHT.noise), p_per_channel=1, synchronize_channels=True
                    ),
                    apply_probability=LIGHT.noise_probability,
                ),
                MirrorTransform(allowed_axes=(0, 1, 2)),
                RemoveLabelTansform(-1, 0),
            ]
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.cases)

    @torch.no_grad()
    def __getitems__(self, indices: list[int]) -> Batch:
        images, masks = [], []
        for index in indices:
            case = self.cases[index]
            random = np.random.default_rng((int(torch.randint(2**31, ())), index))
            start = case.start(self.patch, random)
            around = zip(start, self.window, self.patch, strict=True)
            start = [s - (w - p) // 2 for s, w, p in around]
            image, mask = (read_window(a, start, self.window) for a in (case.image, case.mask))
            found = self.transform(image=image, segmentation=mask.to(torch.int16))
            images.append(found["image"])
            masks.append(found["segmentation"])
        return torch.stack(images), torch.stack(masks)


def enlarged_patch(patch: Sequence[int]) -> tuple[int, ...]:
    """nnU-Net's window for a patch rotated by up to 30 degrees and shrunk to 0.85."""
    cos, sin = math.cos(ROTATION), math.sin(ROTATION)
    reach = [max([size, *(cos * size + sin * o for o in patch)]) for size in patch]
    return tuple(int(each / 0.85) for each in reach)


def _loader(dataset: "_Nnunet", sizes: Sizes) -> Batches:
    loader = DataLoader(
        dataset,
        sizes.patches,
        shuffle=True,
        num_workers=WORKERS,
        persistent_workers=WORKERS > 0,
        collate_fn=_as_it_is,
    )
    return lambda: iter(loader)


def _as_it_is(batch: Any) -> Any:  # noqa: ANN401 - whatever the dataset made
    return batch


def _monai(cases: list[_Case], sizes: Sizes) -> Batches:
    keys = ("image", "mask")
    modes: Any = ("bilinear", "nearest")
    transform = Compose(
        [
            LoadImaged(keys, reader="NumpyReader", channel_dim=0, ensure_channel_first=True),
            RandCropByPosNegLabeld(
                keys, "mask", sizes.patch, pos=OVERSAMPLED, neg=1 - OVERSAMPLED, num_samples=1
            ),
            *(RandFlipd(keys, prob=0.5, spatial_axis=axis) for axis in range(3)),
            RandAffined(
                keys, prob=1 - (1 - LIGHT.rotation_probability) * (1 - LIGHT.scale_probability),
                rotate_range=(ROTATION,) * 3, scale_range=((-0.3, 0.4),) * 3,
                mode=modes, padding_mode="zeros",
            ),
            RandGaussianNoised(["image"], prob=LIGHT.noise_probability, std=LIGHT.noise),
        ]
    )  # fmt: skip
    dataset = CacheDataset([case.paths for case in cases], transform, progress=False)
    loader = MonaiLoader(
        dataset,
        batch_size=sizes.patches,
        shuffle=True,
        num_workers=WORKERS,
        persistent_workers=WORKERS > 0,
    )

    def batches() -> Iterator[Batch]:
        for batch in loader:
            yield batch["image"], batch["mask"]

    return batches


def _write_case(folder: Path, number: int, sizes: Sizes) -> _Case:
    """Noise with a bright ball, the structure to be found."""
    random = np.random.default_rng(number)
    axes = np.ogrid[tuple(slice(size) for size in sizes.volume)]
    radius = min(sizes.volume) / 6
    centre = [random.uniform(radius, size - radius) for size in sizes.volume]
    i, j, k = ((x - c) ** 2 for x, c in zip(axes, centre, strict=True))
    ball = i + j + k < radius**2
    image = random.standard_normal(sizes.volume, dtype=np.float32) + 2 * ball
    stem = folder / f"case_{number}"
    np.save(f"{stem}_image.npy", image[None].astype(np.float32))
    np.save(f"{stem}_mask.npy", ball[None].astype(np.uint8))
    np.save(f"{stem}_locations.npy", np.argwhere(ball).astype(np.int32))
    return _Case(stem)
