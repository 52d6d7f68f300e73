"""Overlap and surface distances of masks beside MONAI's."""

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from monai.metrics.hausdorff_distance import compute_hausdorff_distance
from monai.metrics.meandice import compute_dice
from monai.metrics.surface_dice import compute_surface_dice
from monai.metrics.surface_distance import compute_average_surface_distance
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from datamodules.errors import LightboxError
from experiments.benchmarks.comparison import Comparison
from experiments.benchmarks.sizes import Sizes
from experiments.benchmarks.timing import interleaved, seconds
from lightning_modules.metrics.mask_crops import Mask
from lightning_modules.metrics.mask_rows import score_masks
from lightning_modules.metrics.overlap import count_overlap, dice
from lightning_modules.metrics.thresholded import Counts

Array = NDArray[np.float64]
STRUCTURES = ("first", "second", "third")
SPACING = (1.0, 1.0, 2.0)
TOLERANCE = 2.5
"""Of the surface Dice, in mm; no distance on this grid equals it."""
AGREEMENT = 1e-5
"""MONAI calculates in float32."""

REPEATS = 10
"""Of the work in each measurement, of which the mean is taken."""


def compare(sizes: Sizes, folder: Path) -> Iterator[Comparison]:
    """Milliseconds for the same figures, each from arrays of the kind that it takes."""
    del folder
    prediction, truth = draw_masks(sizes.volume)
    called, true = one_hot(prediction), one_hot(truth)
    size = " x ".join(map(str, sizes.volume))
    works = {
        "ours": lambda: our_dice(prediction, truth),
        "other": lambda: np.asarray(compute_dice(called, true, include_background=False)[0]),
    }
    subject = f"Dice, {size}, {len(STRUCTURES)} structures"
    times = _times(subject, works, sizes.rounds)
    yield Comparison(subject, "ms", times["ours"], "times faster", 10, "MONAI", times["other"])
    works = {
        "ours": lambda: our_surfaces(prediction, truth),
        "other": lambda: monai_surfaces(called, true),
    }
    subject = f"HD95 + ASSD + surface Dice, {size}"
    times = _times(subject, works, sizes.rounds)
    other = "three calls of MONAI"
    yield Comparison(subject, "ms", times["ours"], "times faster", 2.5, other, times["other"])


def _times(
    subject: str, works: dict[str, Callable[[], Array]], rounds: int
) -> dict[str, tuple[float, ...]]:
    """Milliseconds of both, once they have been seen to give the same."""
    ours, other = (work() for work in works.values())
    if not np.allclose(ours, other, rtol=AGREEMENT, atol=AGREEMENT):
        raise LightboxError(f"the two programs do not compute the same {subject}: {ours}, {other}")
    programs = {
        name: lambda work=work: 1000 * seconds(work, REPEATS) for name, work in works.items()
    }
    return interleaved(programs, rounds)


def our_dice(prediction: Mask, truth: Mask) -> Array:
    """Dice of each structure, ``(L,)``, from label maps ``(1, *spatial)``."""
    counts = np.array(count_overlap(prediction, truth, len(STRUCTURES)), dtype=np.float64)
    return dice(Counts(*counts.T))


def our_surfaces(prediction: Mask, truth: Mask) -> Array:
    """HD95, ASSD and surface Dice of each structure, ``(3, L)``: all that a row holds."""
    tolerances = dict.fromkeys(STRUCTURES, TOLERANCE)
    row = score_masks(prediction, truth, STRUCTURES, SPACING, tolerances)["structures"]
    scores = [row[name] for name in STRUCTURES]
    columns = [[each["hd95"], each["assd"], each["surface_dice"]] for each in scores]
    return np.array(columns, dtype=np.float64).T


def monai_surfaces(prediction: Tensor, truth: Tensor) -> Array:
    """The same of one-hot masks ``(1, 1 + L, *spatial)``."""
    masks, tolerances = (prediction, truth), [TOLERANCE] * len(STRUCTURES)
    with warnings.catch_warnings(action="ignore"):  # about an argument that it passes to itself
        found = (
            compute_hausdorff_distance(*masks, percentile=95, spacing=SPACING),
            compute_average_surface_distance(*masks, symmetric=True, spacing=SPACING),
            compute_surface_dice(*masks, tolerances, spacing=SPACING),
        )
    return torch.cat(found).double().numpy()


def draw_masks(shape: tuple[int, ...]) -> tuple[Mask, Mask]:
    """Two label maps ``(1, *shape)`` of three rugged structures that lie a little apart."""
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, size) for size in shape), indexing="ij"))
    centres = np.array([[-0.4, -0.4, -0.2], [0.4, 0.3, 0.3], [0.4, -0.5, 0.2]])[:, : len(shape)]
    masks = []
    for moved in (0.0, 0.06):
        labels = np.zeros((1, *shape), dtype=np.uint8)
        for number, centre in enumerate(centres, start=1):
            noise = ndimage.gaussian_filter(rng.normal(size=shape), 3)
            middle = (centre + moved).reshape(-1, *(1,) * len(shape))
            distance = np.sqrt(((grid - middle) ** 2).sum(axis=0))
            labels[0][distance + 0.05 * noise / noise.std() < 0.4] = number
        masks.append(labels)
    return masks[0], masks[1]


def one_hot(mask: Mask) -> Tensor:
    """Float32 ``(1, 1 + L, *spatial)``."""
    hot = F.one_hot(torch.from_numpy(mask).long(), len(STRUCTURES) + 1)
    return hot.movedim(-1, 1).float().contiguous()
