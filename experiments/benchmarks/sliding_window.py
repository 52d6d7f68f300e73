"""A whole case through windows: its time beside the bare forward passes, and its memory."""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from math import prod
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import experiments
from datamodules.data_info import LabelSet, SegmentationInfo
from datamodules.errors import LightboxError
from datamodules.transforms.volume_geometry import VolumeGeometry
from experiments.benchmarks.comparison import Comparison
from experiments.benchmarks.sizes import Sizes
from experiments.benchmarks.timing import interleaved, seconds
from lightning_modules.configs.segmentation_networks import UNetConfig
from lightning_modules.configs.segmenter import SegmenterConfig, SlidingWindowConfig
from lightning_modules.networks.segmentation_networks import build_segmentation_network
from lightning_modules.segmenter import Segmenter
from lightning_modules.sliding_window import predict_slabs, window_starts

OVERLAP = 0.5
WINDOW_SIDES = 32
"""Of the patch, in every direction; the network's smallest resolution has 4."""
LARGE_SLICE, LARGE_PATCH = 512, (128, 128, 128)
STRUCTURES = ("first", "second", "third")
GIB = 2.0**20
"""In the units of the kernel's figure, which is in KiB."""


def compare(sizes: Sizes, folder: Path) -> Iterator[Comparison]:
    """Time of a small U-Net on a case, and the peak memory of a large one."""
    del folder
    times = _times(sizes)
    subject = f"sliding window over {' x '.join(map(str, sizes.volume))}"
    other = "its forward passes alone"
    yield Comparison(subject, "s", times["ours"], "times as long", 1.10, other, times["other"])
    peak = peak_gib(sizes.large_slices)
    subject = (
        f"memory, {LARGE_SLICE} x {LARGE_SLICE} x {sizes.large_slices}, {len(STRUCTURES)} classes"
    )
    yield Comparison(subject, "GiB", (peak,), "alone", 8)


def _times(sizes: Sizes) -> dict[str, tuple[float, ...]]:
    torch.manual_seed(0)
    patch = (WINDOW_SIDES,) * len(sizes.volume)
    info = SegmentationInfo(LabelSet(STRUCTURES, exclusive=True), 1, patch, (1.0,) * len(patch))
    network = build_segmentation_network(UNetConfig(base_features=16), info).eval()
    image = torch.randn(1, *sizes.volume)
    windows = prod(
        len(window_starts(max(side, WINDOW_SIDES), WINDOW_SIDES, OVERLAP)) for side in sizes.volume
    )
    window = torch.randn(1, 1, *patch)

    def forwards() -> None:
        with torch.inference_mode():
            for _ in range(windows):
                network(window)

    def whole() -> None:
        with torch.inference_mode():
            for _ in predict_slabs([network], image, patch, device="cpu", overlap=OVERLAP):
                pass

    programs = {"ours": lambda: seconds(whole), "other": lambda: seconds(forwards)}
    return interleaved(programs, sizes.rounds)


def peak_gib(slices: int) -> float:
    """Peak memory of a process that segments a large CT, in GiB."""
    module = "experiments.benchmarks.sliding_window"
    done = subprocess.run(
        [sys.executable, "-m", module, str(slices)],
        cwd=Path(next(iter(experiments.__path__))).parent,
        env=dict(os.environ),
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise LightboxError(f"the memory cannot be measured: {done.stderr[-1000:]}")
    return float(done.stdout.splitlines()[-1])


class _Trivial(nn.Module):
    """A network that costs nothing, as what is measured is what lies around it."""

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([images * weight for weight in (1, -1, 2, -2)], dim=1)


def main(slices: int) -> None:
    """Segment a CT of 0.8 mm at 1 mm, with the mask in its own geometry; print the peak."""
    shape = (LARGE_SLICE, LARGE_SLICE, slices)
    resampled = tuple(round(0.8 * side) for side in shape)
    info = SegmentationInfo(
        LabelSet(STRUCTURES, exclusive=True), 1, LARGE_PATCH, (1.0,) * 3, mirror_axes=()
    )
    config = SegmenterConfig(
        network=UNetConfig(base_features=2), inference=SlidingWindowConfig(overlap=OVERLAP)
    )
    module = Segmenter(config, info).eval()
    affine = np.diag([0.8, 0.8, 0.8, 1.0])
    geometry = VolumeGeometry(
        shape=shape,
        affine=tuple(affine.ravel().tolist()),
        has_spacing=True,
        permutation=(0, 1, 2),
        flips=(False,) * 3,
        start=(0, 0, 0),
        cropped=shape,
        resampled=resampled,
    )
    image = torch.zeros(1, *resampled)
    image[:, ::7] = 1
    with torch.inference_mode():
        found = module.segment(image, geometry, [_Trivial()])
    if found.mask.shape != (1, *shape):
        raise LightboxError(f"the mask has the shape {found.mask.shape}")
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / GIB)


if __name__ == "__main__":
    main(int(sys.argv[1]))
