"""Why a planned value of a volume classification is as it is, for the comments of its YAML."""

from dataclasses import dataclass
from math import ceil, prod

from datamodules.configs.volume_preprocessing import CtWindow, Normalisation
from datamodules.configs.volumes import CroppedFit, ResizedFit, Size
from datamodules.data_info import DataInfo
from datamodules.volume_statistics import VolumeStatistics
from experiments import plan_reasons
from experiments.plan_reasons import times
from experiments.planned_fit import LEAST_BATCH, MOST_COARSER, SHORT_SIDE, FitPlan
from experiments.planned_memory import NetworkMemory
from lightning_modules.networks.training_memory import USABLE
from lightning_modules.networks.volume_encoders import SMALL_VOLUME

CLIPPED = (
    "it clips CT to the range of what is brighter than Otsu's threshold of each volume, mostly soft"
    " tissue and bone; where lung or fat matters, lower low (lung begins at -1000)"
)

STRETCHED_CANDIDATES = "candidates are cut out in mm, and stretched to one size."


@dataclass(frozen=True)
class BatchPlan:
    """How many volumes a step sees.

    Attributes:
        chosen: That many.
        room: As many fit.
        most: As many are ever chosen.
        steps: That an epoch is to have.
        least_gb: What the smallest batch takes.
    """

    chosen: int
    room: int
    most: int
    steps: int
    least_gb: float


def why_spacing(found: VolumeStatistics, plan: FitPlan, *, candidates: bool) -> str:
    """Of ``spacing_mm``."""
    if candidates:
        return STRETCHED_CANDIDATES
    if plan.spacing is None:
        return "volumes are stretched to one size."
    text = plan_reasons.why_spacing(found, plan.thick)
    if plan.spacing == plan.finest:
        return text
    ratios = [now / own for now, own in zip(plan.spacing, plan.finest, strict=True)]
    return (
        f"{text} That is {times(plan.finest)} mm, at which {LEAST_BATCH} whole volumes do not fit"
        f" in memory; they do at {times(round(ratio, 2) for ratio in ratios)} times as much. Where"
        " fine detail decides, patches at full resolution may do better (fit.kind patches)."
    )


def why_normalisation(
    found: VolumeStatistics, given: Normalisation, planned: Normalisation
) -> dict[str, str]:
    """Of the kind, and of its numbers."""
    if isinstance(planned, CtWindow) and planned == given:
        return {"kind": "as asked for, with a window of its own, which stays."}
    return plan_reasons.why_normalisation(found, given, planned, CLIPPED)


def why_fit(
    found: VolumeStatistics, plan: FitPlan, memory: NetworkMemory, *, candidates: bool
) -> dict[str, str]:
    """Of the kind, and of its settings."""
    if isinstance(plan.fit, ResizedFit):
        return _why_resized(found, plan, memory.memory_gb, candidates=candidates)
    covered = f"95 % of the training cases have at most {times(map(ceil, plan.covered))} voxels"
    if isinstance(plan.fit, CroppedFit):
        two = f"{LEAST_BATCH} volumes of this size fit in {memory.memory_gb:g} GB"
        return {
            "kind": f"{two}: they are seen whole.",
            "size": f"{covered} at this spacing; made up to multiples of 16 (of 8 up to"
            f" {SHORT_SIDE}). What is smaller is padded, of what is larger the middle is seen.",
        }
    share = min(prod(plan.fit.size) / prod(plan.median), 1)
    each = plan.fit.per_volume
    return {
        "kind": f"{covered}, and {LEAST_BATCH} such volumes do not fit in {memory.memory_gb:g} GB,"
        f" not even at a spacing {MOST_COARSER:g} times as coarse.",
        "size": f"from {times(plan.asked)} it was reduced, each time along the axis that was"
        f" largest relative to the median case, until {LEAST_BATCH} volumes of {each} patches fit"
        f" in {memory.memory_gb:g} GB. It shows {share:.0%} of the median case.",
        "foreground": "patches of air say nothing."
        if plan.fit.foreground == "otsu"
        else "as it was set.",
    }


def _why_resized(
    found: VolumeStatistics, plan: FitPlan, memory_gb: float, *, candidates: bool
) -> dict[str, str]:
    shapes = {case.cropped for case in found.cases}
    if candidates:
        kind, size = STRETCHED_CANDIDATES, "as it was set."
    else:
        size = f"the median case has {times(plan.median)} voxels."
        if len(shapes) == 1:
            size = f"every training case has {times(found.shapes[0])} voxels."
        without = sum(not case.has_spacing for case in found.cases)
        kind = f"of {len(found.cases)} training cases {without} have no spacing."
        if not without:
            kind = f"one small shape: {size}"
    if plan.fit.size != plan.asked:
        size += f" Reduced from {times(plan.asked)}, until {LEAST_BATCH} fit in {memory_gb:g} GB."
    return {"kind": kind, "size": size}


def why_stem(asked: Size) -> str:
    """Of ``stem``, where the network's own choice takes too much memory."""
    return (
        f"auto keeps the resolution at first where an axis has fewer than {SMALL_VOLUME} voxels;"
        f" with {times(asked)} that takes too much memory."
    )


def why_batch(batch: BatchPlan, plan: FitPlan, memory: NetworkMemory, cases: int) -> str:
    """Of ``batch_size``."""
    each = "" if plan.images_a_volume == 1 else f" of {plan.images_a_volume} patches each"
    how = "in mixed precision" if memory.mixed else "in 32 bits (mixed precision takes about half)"
    return (
        f"{memory.memory_gb:g} GB hold {batch.room} volumes{each} {how}; {LEAST_BATCH} take"
        f" {batch.least_gb:.2g} GB. At most {batch.most}, few enough for {batch.steps} steps an"
        f" epoch of {cases} training cases, and at least {LEAST_BATCH}."
    )


def notes(found: VolumeStatistics, info: DataInfo, memory: NetworkMemory) -> tuple[str, ...]:
    """What the head of the file says: what was measured on what."""
    cases = len(found.cases)
    lines = [
        f"Planned for a GPU of {memory.memory_gb:g} GB from {cases} training cases of"
        f" {found.dataset}; nothing was measured on validation or test cases. Memory was counted"
        f" tensor by tensor, without a GPU, and {1 - USABLE:.0%} of it left free.",
    ]
    for name, count in zip(info.labels.names, info.positives, strict=True):
        lines.append(f"  {name}: {count} of {cases} training cases")
    return tuple(lines)
