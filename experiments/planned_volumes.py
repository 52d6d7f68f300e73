"""From what training volumes are like to an experiment that classifies them, with reasons."""

from datamodules.batches import DataInfo
from datamodules.configs.volume_preprocessing import CtWindow, Normalisation
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
)
from experiments.planned_experiment import PREPROCESSING, PlannedExperiment
from experiments.planned_fit import LEAST_BATCH, plan_fit
from experiments.planned_memory import NetworkMemory
from experiments.setting_tree import SettingPath
from experiments.task_kinds.volume_classification import settings_of

MOST_BATCH = 32
LEAST_STEPS = 10
"""Of an epoch: a small dataset gets a batch that leaves as many."""


def plan_volumes(
    experiment: Experiment, found: VolumeStatistics, info: DataInfo, memory_gb: float
) -> PlannedExperiment:
    """Plan spacing, normalisation, how volumes are seen, and the batch.

    Args:
        experiment: What is not planned stays as it is here.
        found: Statistics of its training cases.
        info: What its network may know of them; its size does not count.
        memory_gb: Of the GPU.

    Raises:
        ConfigError: If not even the smallest volumes fit in memory.
        DataError: If intensities cannot be normalised.
    """
    _, data = settings_of(experiment)
    memory = NetworkMemory(experiment, info, memory_gb)
    plan = plan_fit(found, data, memory, candidates=info.candidates)
    step = memory.of_step(plan.fit.size)
    room = step.images_in(memory_gb) // plan.images_a_volume
    batch = BatchPlan(
        chosen=max(min(room, MOST_BATCH, len(found.cases) // LEAST_STEPS), LEAST_BATCH),
        room=room,
        most=MOST_BATCH,
        steps=LEAST_STEPS,
        step_gb=step.gb(LEAST_BATCH * plan.images_a_volume),
    )
    given = data.preprocessing.normalisation
    normalisation = _normalisation(found, given)
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
    }
    marked = {path: f"Planned: {reason}" for path, reason in reasons.items()}
    return PlannedExperiment(planned, marked, notes(found, info, memory))


def _normalisation(found: VolumeStatistics, given: Normalisation) -> Normalisation:
    """By nnU-Net's rules; but a window that somebody has chosen knows more than Otsu's threshold.

    Raises:
        DataError: If a CT window cannot be measured.
    """
    own = isinstance(given, CtWindow) and given != CtWindow()
    return given if own else plan_normalisation(found, given)
