"""From what training cases with boxes are like to an experiment that finds them, with reasons."""

import logging

from datamodules.box_statistics import BoxStatistics
from experiments.experiment import Experiment
from experiments.plan_box_reasons import (
    DetectorPlan,
    notes,
    recall_lines,
    why_batch,
    why_network,
    why_normalisation,
    why_overlap,
    why_patch,
    why_spacing,
    why_windows,
)
from experiments.planned_detector import DetectorRoom
from experiments.planned_experiment import PREPROCESSING, PlannedExperiment
from experiments.planned_view import LEAST_BATCH, plan_view
from experiments.planned_volumes import LEAST_STEPS, kept_or_planned
from experiments.setting_tree import SettingPath
from experiments.task_kinds.detection import settings_of

log = logging.getLogger("lightbox")

MOST_BATCH = 16
BOXES_AN_OBJECT = 4
"""Boxes that are kept for each object of the densest image, until those that overlap are resolved;
but never fewer than by default."""
MOST_BOXES = 5000
NETWORK = ("task", "network")
INFERENCE = ("task", "inference")


def plan_boxes(experiment: Experiment, found: BoxStatistics, memory_gb: float) -> PlannedExperiment:
    """Plan spacing, normalisation, patch, batch, maps, anchors, and how whole cases are looked at.

    Args:
        experiment: What is not planned stays as it is here.
        found: Statistics of its training cases.
        memory_gb: Of the GPU.

    Raises:
        ConfigError: If the network is not one for several objects, or nothing fits in memory.
        DataError: If intensities cannot be normalised.
    """
    task, data = settings_of(experiment)
    room = DetectorRoom(experiment, found, memory_gb)
    view = plan_view(found, room)
    densest = int(found.counts.sum(axis=1).max())
    network = room.network_for(view.sizes, view.whole)
    network = network.replace(
        most_boxes=min(max(BOXES_AN_OBJECT * densest, network.most_boxes), MOST_BOXES)
    )
    step = room.of_step(view.sizes, view.whole, view.patch)
    held = step.images_in(memory_gb)
    few = len(found.cases) // LEAST_STEPS
    plan = DetectorPlan(
        view=view,
        network=network,
        batch=max(min(held, MOST_BATCH, few), LEAST_BATCH),
        held=held,
        least_gb=step.gb(LEAST_BATCH),
        memory_gb=memory_gb,
        mixed=room.mixed,
    )
    given = data.preprocessing.normalisation
    normalisation = kept_or_planned(found, given)
    planned = experiment.replace(
        data=data.replace(
            preprocessing=data.preprocessing.replace(
                spacing_mm=view.spacing, normalisation=normalisation
            ),
            patch=view.patch,
            batch_size=plan.batch,
        ),
        task=task.replace(
            network=network,
            inference=task.inference.replace(windows=view.windows, overlap=view.overlap),
        ),
    )
    reasons: dict[SettingPath, str] = {
        (*PREPROCESSING, "spacing_mm"): why_spacing(found, view),
        **{
            (*PREPROCESSING, "normalisation", name): reason
            for name, reason in why_normalisation(found, given, normalisation).items()
        },
        ("data", "patch"): why_patch(plan),
        ("data", "batch_size"): why_batch(plan, len(found.cases), MOST_BATCH, LEAST_STEPS),
        **{(*NETWORK, name): reason for name, reason in why_network(plan, densest).items()},
        (*INFERENCE, "windows"): why_windows(view),
        (*INFERENCE, "overlap"): why_overlap(view),
    }
    recalls = recall_lines(plan)
    for line in recalls:
        log.info("%s", line)
    marked = {path: f"Planned: {reason}" for path, reason in reasons.items()}
    return PlannedExperiment(planned, marked, (*notes(found, plan), *recalls))
