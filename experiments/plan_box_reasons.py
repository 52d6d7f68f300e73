"""Why planned values of a detector are as they are, in words for the comments of its YAML."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, prod

import numpy as np

from datamodules.box_statistics import BoxStatistics
from datamodules.configs.volume_preprocessing import CtWindow, Normalisation
from experiments import plan_reasons
from experiments.plan_reasons import times
from experiments.planned_detector import ANCHORS, COARSEST_OF_RESNET, ENOUGH, LEVELS, LevelNetwork
from experiments.planned_view import LEAST_BATCH, SEEN_WELL, ViewPlan
from lightning_modules.configs.detection_networks import (
    AnchorSettings,
    FasterRCNNConfig,
    RetinaNetConfig,
)
from lightning_modules.networks.anchor_recall import (
    anchor_recall,
    decisive_recall,
    usual_anchors,
)
from lightning_modules.networks.anchors import CELLS, LEAST_CELLS, LEAST_SIDE
from lightning_modules.networks.detection_networks import anchors_for, level_strides
from lightning_modules.networks.training_memory import USABLE

AP_BOXES = 100
"""Of an image and class, which average precision looks at."""
USUAL = {2: "torchvision's Faster R-CNN", 3: "MONAI"}


@dataclass(frozen=True)
class DetectorPlan:
    """What was planned.

    Attributes:
        view: How images are seen.
        network: With its maps and anchors.
        batch: Patches of a step.
        held: As many fit.
        least_gb: What the smallest batch takes.
        memory_gb: Of the GPU.
        mixed: Whether maps have 16 bits.
    """

    view: ViewPlan
    network: LevelNetwork
    batch: int
    held: int
    least_gb: float
    memory_gb: float
    mixed: bool


def why_spacing(found: BoxStatistics, view: ViewPlan) -> str:
    """Of ``spacing_mm``."""
    text = plan_reasons.why_spacing(found, view.thick)
    small = f"small boxes (the 5th percentile) have a mean side of {view.small:.3g} voxels."
    if view.spacing == view.finest:
        return f"{text} There {small}"
    ratios = [now / own for now, own in zip(view.spacing, view.finest, strict=True)]
    changed = times(round(ratio, 2) for ratio in ratios)
    if min(ratios) < 1:
        return (
            f"{text} {changed} of that ({times(view.finest)}), as objects are hardly found that"
            f" have less than {LEAST_SIDE:g} voxels a side: here {small}"
        )
    reason = "large objects fit into a window" if view.windows else "images are seen whole"
    return f"{text} {changed} times as much, at which {reason}; there {small}"


def why_normalisation(
    found: BoxStatistics, given: Normalisation, planned: Normalisation
) -> dict[str, str]:
    """Of the kind, and of its numbers."""
    if isinstance(planned, CtWindow) and planned == given:
        return {"kind": "as asked for, with a window of its own, which stays."}
    clipped = "it clips CT to the range of what lies in boxes"
    return plan_reasons.why_normalisation(found, given, planned, clipped)


def why_patch(plan: DetectorPlan) -> str:
    """Of ``patch``."""
    view = plan.view
    divisor = level_strides(plan.network, view.sizes)[-1]
    usual = f"95 % of the training cases have at most {times(map(ceil, view.whole))} voxels"
    if not view.windows:
        return (
            f"{usual}; made up to multiples of {divisor}, the stride of the coarsest map."
            f" {LEAST_BATCH} of them fit in {plan.memory_gb:g} GB: images are seen whole."
        )
    large = f"95 % of the boxes have sides of at most {times(map(ceil, view.large))}"
    cut = any(side < least for side, least in zip(view.patch, view.large, strict=True))
    share = min(prod(view.patch) / prod(view.whole), 1)
    return (
        f"{usual}, and {LEAST_BATCH} such images do not fit in {plan.memory_gb:g} GB, nor"
        f" do they, made smaller, while small boxes keep {SEEN_WELL:g} voxels. Reduced along the"
        f" axis that was largest relative to that until {LEAST_BATCH} windows fit; one shows"
        f" {share:.0%} of an image. {large}"
        + (", which is more than a window shows: large objects are cut." if cut else ".")
    )


def why_batch(plan: DetectorPlan, cases: int, most: int, steps: int) -> str:
    """Of ``batch_size``."""
    how = "in mixed precision" if plan.mixed else "in 32 bits (mixed precision takes about half)"
    return (
        f"{plan.memory_gb:g} GB hold {plan.held} patches {how}; {LEAST_BATCH} take"
        f" {plan.least_gb:.2g} GB. At most {most}, few enough for {steps} steps an epoch of"
        f" {cases} training cases, and at least {LEAST_BATCH}."
    )


def why_network(plan: DetectorPlan, densest: int) -> dict[str, str]:
    """Of its maps, its anchors, and the boxes that it gives."""
    network, sizes = plan.network, plan.view.sizes
    found = {
        "most_boxes": f"the densest training image has {densest} objects; at least four times as"
        " many, and never fewer than 300."
    }
    if isinstance(network, FasterRCNNConfig) and network.coco_weights is not None:
        return found | {"finest_stride": "as the published weights have it."}
    strides = level_strides(network, sizes)
    typical = times_of(CELLS * stride for stride in strides)
    resnet = "" if network.encoder == "light" else f", {COARSEST_OF_RESNET} of a ResNet"
    found |= {
        "finest_stride": f"small boxes have a mean side of {plan.view.small:.3g} voxels, and are"
        f" to have {LEAST_CELLS:g} places a side, where strides of 8, 4 and 2 allow it.",
        "levels": f"strides of {times_of(strides)} look for objects of about {typical} voxels:"
        f" up to the 95th percentile, {LEVELS[0]} maps at least and {LEVELS[1]} at most, none"
        f" coarser than an image{resnet}.",
    }
    if isinstance(network, AnchorSettings):
        anchors = anchors_for(network, sizes, len(sizes[0]))
        recall = decisive_recall(sizes, anchors)
        fewest, most = ANCHORS
        reached = min(recall.overall, recall.smallest) >= ENOUGH
        found["anchors"] = (
            f"{'the fewest' if reached else 'none'} from {fewest} to {most} can find"
            f" {ENOUGH:.0%} of the boxes and of the smallest tenth: these find at best {recall}. A"
            f" run fits their sides to the boxes of training, and none has less than"
            f" {LEAST_SIDE:g} voxels."
        )
    return found


def why_windows(view: ViewPlan) -> str:
    """Of ``windows``."""
    return "as in training." if view.windows else "whole images fit."


def why_overlap(view: ViewPlan) -> str:
    """Of ``overlap``."""
    if not view.windows:
        return "there are no windows."
    return "what 95 % of the boxes need to be whole in one of the windows, from 0.25 to 0.5."


def recall_lines(plan: DetectorPlan) -> tuple[str, ...]:
    """What anchors could find at best, fitted and not."""
    sizes = plan.view.sizes
    axes = len(sizes[0])
    network: LevelNetwork = plan.network
    head = f"Anchors fitted to {len(sizes)} boxes can find at best"
    if not isinstance(network, AnchorSettings):
        own = {"levels": network.levels, "finest_stride": network.finest_stride}
        network = RetinaNetConfig().replace(**own)
        head = (
            "The grid detector has no anchors; a retinanet's"
            f" {network.anchors} a place, fitted to {len(sizes)} boxes, could find at best"
        )
    fitted = anchor_recall(sizes, anchors_for(network, sizes, axes))
    usual = anchor_recall(sizes, usual_anchors(axes))
    return (
        f"{head} (each box about its own centre):",
        *(f"  {each}" for each in fitted),
        f"Those of {USUAL[axes]}, fitted to nothing:",
        *(f"  {each}" for each in usual),
    )


def notes(found: BoxStatistics, plan: DetectorPlan) -> tuple[str, ...]:
    """What the head of the file says: what was measured on what."""
    cases, counts = len(found.cases), found.counts
    lines = [
        f"Planned for a GPU of {plan.memory_gb:g} GB from {cases} training cases of"
        f" {found.dataset}; nothing was measured on validation or test cases. Memory was counted"
        " tensor by tensor in two small steps on the CPU and carried on in proportion to voxels,"
        f" and {1 - USABLE:.0%} of it left free.",
        f"  objects a case: median {np.median(counts.sum(axis=1)):g}, at most"
        f" {counts.sum(axis=1).max()}",
    ]
    sides = np.concatenate([case.sides_at(plan.view.spacing) for case in found.cases])
    labels = np.concatenate([case.labels for case in found.cases])
    for label, name in enumerate(found.classes):
        own = sides[labels == label]
        text = f"  {name}: {len(own)} boxes in {(counts[:, label] > 0).sum()} of {cases} cases"
        if len(own):
            lengths = np.exp(np.log(own).mean(axis=1))
            longest = own.max(axis=1) / own.min(axis=1)
            text += (
                f", mean sides {lengths.min():.3g} to {lengths.max():.3g} voxels (median"
                f" {np.median(lengths):.3g}), longest side {np.median(longest):.2g} times the"
                f" shortest (median; at most {longest.max():.2g})"
            )
        lines.append(text)
    if counts.max() > AP_BOXES:
        lines.append(
            f"Average precision looks at {AP_BOXES} boxes of an image and class, as COCO does, and"
            f" one training image has {counts.max()} objects of one: there it cannot reach 1."
        )
    return tuple(lines)


def times_of(values: Iterable[float]) -> str:
    """Numbers of the maps, from the finest."""
    return ", ".join(f"{value:g}" for value in values)
