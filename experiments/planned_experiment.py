"""From what training cases are like to an experiment, with a reason for each planned value."""

from dataclasses import dataclass
from math import prod

import numpy as np

from datamodules.configs.masks import MasksConfig
from datamodules.errors import ConfigError
from datamodules.mask_statistics import MaskStatistics
from datamodules.preprocessing_rules import plan_normalisation, target_spacing
from datamodules.transforms.resampling import resampled_shape
from experiments.experiment import Experiment
from experiments.plan_reasons import (
    notes,
    why_batch,
    why_batch_dice,
    why_normalisation,
    why_patch,
    why_spacing,
    why_stages,
)
from experiments.setting_tree import SettingPath
from experiments.task_kinds.segmentation import settings_of
from lightning_modules.configs.segmentation_networks import SegmenterNetwork, UNetConfig
from lightning_modules.networks.unet_planning import Grid, needs_low_resolution, plan_patch

PREPROCESSING = ("data", "preprocessing")


@dataclass(frozen=True)
class PlannedExperiment:
    """An experiment, and why it is as it is.

    Attributes:
        experiment: With the planned values.
        reasons: A sentence for each of them, by its path.
        notes: On the whole.
    """

    experiment: Experiment
    reasons: dict[SettingPath, str]
    notes: tuple[str, ...]


def plan_experiment(
    experiment: Experiment, found: MaskStatistics, memory_gb: float, dimensions: int | None
) -> PlannedExperiment:
    """Plan spacing, normalisation, patch, batch and depth by nnU-Net's rules.

    Args:
        experiment: What is not planned stays as it is here.
        found: Statistics of its training cases.
        memory_gb: Of the GPU.
        dimensions: Of the network; None: 2 if the experiment's patch or the cases have two axes, or
            cases have a single slice.

    Raises:
        ConfigError: If that cannot be planned.
        DataError: If intensities cannot be normalised.
    """
    task, data = settings_of(experiment)
    network = _to_plan(task.network)
    spacing, thick = target_spacing(found.spacings, found.shapes)
    grid = _grid(found, spacing, _dimensions(data, found, dimensions))
    plan = plan_patch(network, grid, memory_gb)
    flat = len(plan.patch) == 2
    batch_dice = flat or needs_low_resolution(network, grid, memory_gb)
    given = data.preprocessing.normalisation
    normalisation = plan_normalisation(found, given)
    planned = experiment.replace(
        data=data.replace(
            preprocessing=data.preprocessing.replace(
                spacing_mm=spacing, normalisation=normalisation
            ),
            patch=plan.patch,
            batch_size=plan.batch_size,
        ),
        task=task.replace(
            network=network.replace(stages=len(plan.topology.features)),
            loss=task.loss.replace(batch_dice=batch_dice),
        ),
    )
    reasons: dict[SettingPath, str] = {
        (*PREPROCESSING, "spacing_mm"): why_spacing(found, thick),
        **{
            (*PREPROCESSING, "normalisation", name): reason
            for name, reason in why_normalisation(found, given, normalisation).items()
        },
        ("data", "patch"): why_patch(plan, grid, memory_gb),
        ("data", "batch_size"): why_batch(plan, network, len(found.cases), memory_gb),
        ("task", "network", "stages"): why_stages(plan),
        ("task", "loss", "batch_dice"): why_batch_dice(plan, grid, flat=flat, chosen=batch_dice),
    }
    marked = {path: f"Planned: {reason}" for path, reason in reasons.items()}
    return PlannedExperiment(planned, marked, notes(found, memory_gb))


def _to_plan(network: SegmenterNetwork) -> UNetConfig:
    """The network without what is planned anew."""
    if not isinstance(network, UNetConfig):
        raise ConfigError(
            f"planning is for the U-Net, not {network.kind}: plan with --task.network.kind unet,"
            " then change the network in the file"
        )
    if network.blocks is not None:
        raise ConfigError(
            "--task.network.blocks is a number for each stage, and planning decides how many"
            " stages there are: leave it out, then set it in the file"
        )
    return network.replace(stages=None, kernels=None, strides=None)


def _dimensions(data: MasksConfig, found: MaskStatistics, asked: int | None) -> int:
    sides = np.median(found.shapes, axis=0)
    if asked is not None and asked > len(sides):
        raise ConfigError(
            f"--dimensions {asked}: the images of {found.dataset} have {len(sides)} axes"
        )
    return asked or (2 if sides.min() == 1 else min(len(data.patch), len(sides)))


def _grid(found: MaskStatistics, spacing: tuple[float, ...], dimensions: int) -> Grid:
    """The median case after resampling; of a volume that is seen slice by slice, its slices."""
    shapes = [resampled_shape(case.cropped, case.spacing, spacing) for case in found.cases]
    shape = tuple(float(side) for side in np.median(shapes, axis=0))
    voxels = prod(shape) * len(shapes)
    axes = list(range(len(shape)))
    if dimensions < len(shape):
        axes.remove(max(axes, key=lambda axis: (spacing[axis], axis)))
    return Grid(
        tuple(shape[axis] for axis in axes),
        tuple(spacing[axis] for axis in axes),
        voxels,
        found.outputs,
    )
