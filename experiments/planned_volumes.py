"""From what training volumes are like to an experiment that classifies them, with reasons."""

from datamodules.configs.volume_preprocessing import CtWindow, Normalisation
from datamodules.configs.volumes import Size
from datamodules.data_info import DataInfo
from datamodules.preprocessing_rules import plan_normalisation
from datamodules.volume_statistics import VolumeStatistics
from experiments.experiment import Experiment
from experiments.plan_volume_reasons import (
    BatchPlan,
    notes,
    why_batch,
    why_fit,
    why_normalisation,
    why_spacing,
    why_stem,
)
from experiments.planned_experiment import PREPROCESSING, PlannedExperiment
from experiments.planned_fit import LEAST_BATCH, FitPlan, plan_fit, size_asked
from experiments.planned_memory import NetworkMemory
from experiments.setting_tree import SettingPath
from experiments.task_kinds.volume_classification import settings_of
from lightning_modules.configs.volume_networks import Encoder3dSettings
from lightning_modules.networks.volume_encoders import SMALL_VOLUME

MOST_BATCH = 32
LEAST_STEPS = 10
"""Of an epoch: a small dataset gets a batch that leaves as many."""


def plan_volumes(
    experiment: Experiment, found: VolumeStatistics, info: DataInfo, memory_gb: float
) -> PlannedExperiment:
    """Plan spacing, normalisation, how volumes are seen, the batch, and if need be the stem.

    Args:
        experiment: What is not planned stays as it is here.
        found: Statistics of its training cases.
        info: What its network may know of them; its size does not count.
        memory_gb: Of the GPU.

    Raises:
        ConfigError: If not even the smallest volumes fit in memory.
        DataError: If intensities cannot be normalised.
    """
    data = settings_of(experiment)[1]
    memory = NetworkMemory(experiment, info, memory_gb)
    stem: dict[SettingPath, str] = {}
    asked = size_asked(found, data, candidates=info.candidates)
    other = with_standard_stem(experiment, asked)
    if other is not None and not memory.fits(asked, LEAST_BATCH):
        experiment, memory = other, NetworkMemory(other, info, memory_gb)
        stem = {("task", "network", "stem"): why_stem(asked)}
    plan = plan_fit(found, data, memory, candidates=info.candidates)
    batch = _plan_batch(plan, memory, len(found.cases))
    given = data.preprocessing.normalisation
    normalisation = kept_or_planned(found, given)
    planned = experiment.replace(
        data=data.replace(
            preprocessing=data.preprocessing.replace(
                spacing_mm=plan.spacing, normalisation=normalisation
            ),
            fit=plan.fit,
            batch_size=batch.chosen,
        )
    )
    reasons: dict[SettingPath, str] = {
        (*PREPROCESSING, "spacing_mm"): why_spacing(found, plan, candidates=info.candidates),
        **{
            (*PREPROCESSING, "normalisation", name): reason
            for name, reason in why_normalisation(found, given, normalisation).items()
        },
        **{
            ("data", "fit", name): reason
            for name, reason in why_fit(found, plan, memory, candidates=info.candidates).items()
        },
        ("data", "batch_size"): why_batch(batch, plan, memory, len(found.cases)),
        **stem,
    }
    marked = {path: f"Planned: {reason}" for path, reason in reasons.items()}
    return PlannedExperiment(planned, marked, notes(found, info, memory))


def _plan_batch(plan: FitPlan, memory: NetworkMemory, cases: int) -> BatchPlan:
    step = memory.of_step(plan.fit.size)
    room = step.images_in(memory.memory_gb) // plan.images_a_volume
    return BatchPlan(
        chosen=max(min(room, MOST_BATCH, cases // LEAST_STEPS), LEAST_BATCH),
        room=room,
        most=MOST_BATCH,
        steps=LEAST_STEPS,
        least_gb=step.gb(LEAST_BATCH * plan.images_a_volume),
    )


def with_standard_stem(experiment: Experiment, size: Size) -> Experiment | None:
    """The experiment with a network that reduces volumes at once, though one axis is short.

    None where that is as it is, is not for the plan to say, or would leave nothing to look at: two
    axes are short.
    """
    task, _ = settings_of(experiment)
    network = task.network
    if not isinstance(network, Encoder3dSettings) or network.stem != "auto":
        return None
    if min(size) >= SMALL_VOLUME or sorted(size)[1] < SMALL_VOLUME:
        return None
    return experiment.replace(task=task.replace(network=network.replace(stem="standard")))


def kept_or_planned(found: VolumeStatistics, given: Normalisation) -> Normalisation:
    """By nnU-Net's rules; but a window that somebody has chosen knows more than Otsu's threshold.

    Raises:
        DataError: If a CT window cannot be measured.
    """
    own = isinstance(given, CtWindow) and given != CtWindow()
    return given if own else plan_normalisation(found, given)
