"""What MONAI and nnU-Net offer for reading patches of volumes, set to the same changes."""

import math
from collections.abc import Callable, Iterator, Sequence
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

from datamodules.configs.volume_augmentation import LIGHT
from experiments.benchmarks.sizes import Sizes
from experiments.benchmarks.volume_arrays import OVERSAMPLED, ArrayCase

ROTATION = math.radians(30)
Batch = tuple[Tensor, Tensor]
Batches = Callable[[], Iterator[Batch]]


def monai_batches(cases: Sequence[ArrayCase], sizes: Sizes, workers: int) -> Batches:
    """``CacheDataset`` in memory with the transforms of MONAI's tutorials."""
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
        num_workers=workers,
        persistent_workers=workers > 0,
    )

    def batches() -> Iterator[Batch]:
        for batch in loader:
            yield batch["image"], batch["mask"]

    return batches


def nnunet_batches(cases: Sequence[ArrayCase], sizes: Sizes, workers: int) -> Batches:
    """Windows from the memory map, changed by batchgeneratorsv2 as nnU-Net does it."""
    loader = DataLoader(
        _Nnunet(cases, sizes),
        sizes.patches,
        shuffle=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        collate_fn=as_it_is,
    )
    return lambda: iter(loader)


class _Nnunet(Dataset[Batch]):
    def __init__(self, cases: Sequence[ArrayCase], sizes: Sizes) -> None:
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


def as_it_is(batch: Any) -> Any:  # noqa: ANN401 - whatever the dataset made
    """Collate nothing: the dataset makes whole batches."""
    return batch
