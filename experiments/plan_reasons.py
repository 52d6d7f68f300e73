"""Why a planned value is as it is, in words for the comments of its YAML."""

from collections.abc import Iterable
from math import prod

import numpy as np

from datamodules.configs.volume_preprocessing import CtWindow, Normalisation, ZScore
from datamodules.mask_statistics import MaskStatistics
from datamodules.preprocessing_rules import (
    BELOW_WATER_HU,
    CROPPED_BELOW,
    share_left,
    usual_lowest,
)
from datamodules.volume_statistics import VolumeStatistics
from lightning_modules.configs.segmentation_networks import UNetConfig
from lightning_modules.networks.unet_planning import (
    LEAST_BATCH,
    MOST_OF_DATASET,
    Grid,
    PatchPlan,
)

AXES = ("left-right", "back-front", "down-up")
"""Of a volume."""
MANY = 1000


def why_spacing(found: VolumeStatistics, thick: int | None) -> str:
    """Of ``spacing_mm``."""
    cases = len(found.cases)
    if not any(case.has_spacing for case in found.cases):
        return "the files have no spacing; images keep their pixels."
    low, high = times(found.spacings.min(axis=0)), times(found.spacings.max(axis=0))
    text = f"the median of {cases} training cases, which have {low} mm"
    text += "." if low == high else f" to {high} mm."
    if thick is not None:
        usual = float(np.median(found.spacings[:, thick]))
        text += (
            f" Slices are thick {AXES[thick]} (median {usual:.3g} mm, more than three times"
            " the other axes, and fewer than a third as many): there the 10th percentile, which"
            " spares the cases with thin slices, and at least the spacing of the other axes."
        )
    return text


def why_normalisation(
    found: VolumeStatistics,
    given: Normalisation,
    planned: Normalisation,
    clipped: str = "nnU-Net clips CT to the range of the structures",
) -> dict[str, str]:
    """Of the kind, and of its numbers; ``clipped``: what a CT window does."""
    lowest = f"the lowest voxel of the usual case is {usual_lowest(found):.4g}"
    if isinstance(planned, CtWindow):
        asked = "as asked for" if isinstance(given, CtWindow) else f"{lowest}, as in CT"
        where = f"of {len(found.foreground):,} intensities drawn from the {found.region} of"
        whose = f"{where} {sum(len(case.foreground) > 0 for case in found.cases)} training cases."
        return {
            "kind": f"{asked}; {clipped}.",
            "low": f"0.5 percentile {whose}",
            "high": f"99.5 percentile {whose}",
            "mean": f"mean {whose}",
            "std": f"standard deviation {whose}",
        }
    if not isinstance(planned, ZScore):
        return {
            "kind": "as asked for; nnU-Net would standardise each channel of each case (zscore)."
        }
    channels = found.cases[0].channels
    several = f"{channels} channels" if channels > 1 else lowest
    left = f"cropping to what is not 0 leaves {share_left(found):.0%} of the usual case"
    return {
        "kind": f"{several}, so this is not taken for CT (one channel, down to"
        f" {BELOW_WATER_HU:g} or below); if it is: --data.preprocessing.normalisation.kind ct.",
        "over_nonzero": f"{left}; true below {CROPPED_BELOW:.0%}.",
    }


def why_patch(plan: PatchPlan, grid: Grid, memory_gb: float) -> str:
    """Of ``patch``."""
    text = f"after resampling the median case has {times(grid.shape)} voxels"
    share = min(prod(plan.patch) / prod(grid.shape), 1)
    if plan.patch == plan.start:
        return (
            f"{text}; made up to multiples of {times(plan.topology.divisor)}, which the network"
            f" halves, they fit in {memory_gb:g} GB."
        )
    return (
        f"{text}; from {times(plan.start)} it was reduced, each time along the axis that was"
        f" largest relative to the median case, until {LEAST_BATCH} patches fit in {memory_gb:g}"
        f" GB. It shows {share:.0%} of the median case."
    )


def why_batch(plan: PatchPlan, network: UNetConfig, cases: int, memory_gb: float) -> str:
    """Of ``batch_size``."""
    share = MOST_OF_DATASET[network.encoder]
    return (
        f"{memory_gb:g} GB hold {plan.memory_batch} patches, with {plan.map_values / 1e6:.1f}"
        " million values in the network's maps for each, in mixed precision (32-bit takes about"
        f" twice the memory); {plan.dataset_batch} patches have as many voxels as {share:.0%} of"
        f" the {cases} training cases. The fewer of the two, and at least {LEAST_BATCH}."
    )


def why_stages(plan: PatchPlan) -> str:
    """Of ``stages``."""
    divisor = plan.topology.divisor
    lowest = [side // by for side, by in zip(plan.patch, divisor, strict=True)]
    halvings = ", ".join(str(by.bit_length() - 1) for by in divisor)
    text = (
        f"axes are halved {halvings} times, while they have 8 voxels or more and a spacing below"
        f" twice the finest: {times(plan.patch)} becomes {times(lowest)}."
    )
    flat = [kernel for kernel in plan.topology.kernels if 1 in kernel]
    if flat:
        stages = "stage" if len(flat) == 1 else f"{len(flat)} stages"
        text += f" Kernels of the first {stages} are {times(flat[0])}"
        text += ", as slices are thick." if flat[0] == flat[-1] else f" to {times(flat[-1])}."
    return text


def why_batch_dice(plan: PatchPlan, grid: Grid, *, flat: bool, chosen: bool) -> str:
    """Of ``batch_dice``."""
    if flat:
        return "in 2D many patches lack a structure."
    share = min(prod(plan.patch) / prod(grid.shape), 1)
    text = f"a patch shows {share:.0%} of the median case; below a quarter, where nnU-Net adds a"
    text += " network of low resolution, many patches lack a structure"
    return f"{text}." if chosen else f"{text} and it would be true."


def notes(found: MaskStatistics, memory_gb: float) -> tuple[str, ...]:
    """What the head of the file says: what was measured on what."""
    cases = len(found.cases)
    volumes = np.array([case.volumes for case in found.cases])
    unit = "ml" if found.cases[0].has_spacing and found.shapes.shape[1] == 3 else "pixels"
    lines = [
        f"Planned by nnU-Net's rules for a GPU of {memory_gb:g} GB from {cases} training cases of"
        f" {found.dataset}; nothing was measured on validation or test cases.",
    ]
    for name, own in zip(found.labels.names, volumes.T, strict=True):
        there = own[own > 0]
        usual = f", {_size(np.median(there))} {unit} (median)" if len(there) else ""
        lines.append(f"  {name}: in {len(there)} of {cases} training cases{usual}")
    return tuple(lines)


def times(sides: Iterable[float]) -> str:
    """Lengths along the axes."""
    return " x ".join(f"{side:.6g}" for side in sides)


def _size(value: np.floating) -> str:
    return f"{value:,.0f}" if value >= MANY else f"{value:.3g}"
