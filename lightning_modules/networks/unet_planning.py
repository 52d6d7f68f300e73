"""Patch, batch size and depth of a U-Net that fit a memory budget, by nnU-Net's rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, prod

from datamodules.errors import ConfigError
from lightning_modules.configs.segmentation_networks import UNetConfig
from lightning_modules.networks.unet_topology import UNetTopology, unet_topology

REFERENCE_GB = 8.0
"""Memory that the numbers below go with, in mixed precision."""
REFERENCE_VALUES = {
    ("plain", 2): 85e6,
    ("plain", 3): 560e6,
    ("residual", 2): 135e6,
    ("residual", 3): 680e6,
}
"""Values in the maps of a network that, with the batch below, fill it."""
REFERENCE_BATCH = {2: 12, 3: 2}
LEAST_BATCH = 2
MOST_OF_DATASET = {"plain": 0.05, "residual": 1.0}
"""Share of the dataset's voxels that a batch may show; nnU-Net's residual presets set no limit."""
LARGEST_START = {2: 2048**2, 3: 256**3}
"""Voxels of the patch that is begun with, where cases are larger."""
LOW_RESOLUTION_BELOW = 0.25
"""Share of the usual case in a patch below which nnU-Net adds a network of low resolution."""
COARSER = 1.03
LEAST_REDUCTION = 2


@dataclass(frozen=True)
class Grid:
    """What a network is to see.

    Attributes:
        shape: Of the median case after resampling, along the axes of the patch.
        spacing: In mm, along the same axes.
        voxels: Of all training cases together.
        outputs: Channels of the logits.
    """

    shape: tuple[float, ...]
    spacing: tuple[float, ...]
    voxels: float
    outputs: int


@dataclass(frozen=True)
class PatchPlan:
    """What fits.

    Attributes:
        patch: Voxels along each axis.
        start: The patch that was begun with: the median case, or a part of it, padded.
        topology: Stages of the network on such patches.
        map_values: Values in its maps, a patch.
        memory_batch: Patches that the memory would allow.
        dataset_batch: Patches that the size of the dataset allows.
    """

    patch: tuple[int, ...]
    start: tuple[int, ...]
    topology: UNetTopology
    map_values: int
    memory_batch: int
    dataset_batch: int

    @property
    def batch_size(self) -> int:
        """The fewer of the two, and never fewer than :data:`LEAST_BATCH`."""
        return max(min(self.memory_batch, self.dataset_batch), LEAST_BATCH)


def plan_patch(config: UNetConfig, grid: Grid, memory_gb: float) -> PatchPlan:
    """The largest patch of the median case's proportions that a batch of two can have.

    It begins with the median case (of 256^3 voxels at most, 2048^2 in 2D), and goes down along the
    axis that is largest relative to the median case, until the network's maps fit the budget. If
    they fit from the start, what is left of the memory goes into the batch.

    Args:
        config: Settings of the network; its stages are planned anew.
        grid: What it is to see.
        memory_gb: Budget.

    Raises:
        ConfigError: If cases or budget are too small for a U-Net.

    References:
        Isensee et al., "nnU-Net", Nature Methods 2021, supplementary note 2; ``ExperimentPlanner``
        of nnunetv2.
    """
    axes = len(grid.shape)
    reference = REFERENCE_VALUES[config.encoder, axes] * memory_gb / REFERENCE_GB
    allowed = reference * REFERENCE_BATCH[axes] / LEAST_BATCH
    start = patch = _padded(config, _first_patch(grid), grid.spacing)
    while True:
        topology = unet_topology(config, patch, grid.spacing)
        values = map_values(config, topology, patch, grid.outputs)
        if values <= allowed:
            break
        patch = _smaller(config, patch, topology, grid, memory_gb)
    share = MOST_OF_DATASET[config.encoder]
    return PatchPlan(
        patch=patch,
        start=start,
        topology=topology,
        map_values=values,
        memory_batch=round(reference / values * REFERENCE_BATCH[axes]),
        dataset_batch=round(grid.voxels * share / prod(patch)),
    )


def map_values(
    config: UNetConfig, topology: UNetTopology, patch: Sequence[int], outputs: int
) -> int:
    """Values that the convolutions of a U-Net put out for one patch, as nnU-Net counts them.

    Args:
        config: Settings.
        topology: Stages.
        patch: Voxels along each axis.
        outputs: Channels of the logits; those of deep supervision are not counted.

    References:
        ``compute_conv_feature_map_size`` of dynamic-network-architectures.
    """
    residual = config.encoder == "residual"
    sides = list(patch)
    total = outputs * prod(sides) + residual * topology.features[0] * prod(sides)
    for stage, (features, strides) in enumerate(
        zip(topology.features, topology.strides, strict=True)
    ):
        sides = [side // stride for side, stride in zip(sides, strides, strict=True)]
        maps = (2 if residual else 1) * topology.blocks[stage]
        maps += residual and stage > 0  # the way round the first block
        if stage < len(topology.decoder_blocks):
            maps += topology.decoder_blocks[stage] + 1  # and what comes up from below
        total += maps * features * prod(sides)
    return total


def needs_low_resolution(config: UNetConfig, grid: Grid, memory_gb: float) -> bool:
    """Whether nnU-Net would put a network of low resolution before the one of full resolution.

    It does where a patch shows less than a quarter of the median case, and a spacing at which it
    shows as much leaves half of the voxels or fewer.
    """
    spacing, voxels = grid.spacing, prod(grid.shape)
    patch = plan_patch(config, grid, memory_gb).patch
    coarse_voxels = voxels
    while prod(patch) / coarse_voxels < LOW_RESOLUTION_BELOW:
        spacing = coarser(spacing)
        shape = [
            side * own / step
            for side, own, step in zip(grid.shape, grid.spacing, spacing, strict=True)
        ]
        coarse_voxels = prod(shape)
        coarse = Grid(tuple(map(round, shape)), spacing, grid.voxels, grid.outputs)
        patch = plan_patch(config, coarse, memory_gb).patch
    return voxels / coarse_voxels >= LEAST_REDUCTION


def coarser(spacing: Sequence[float]) -> tuple[float, ...]:
    """A spacing that is a little coarser; where slices are thick, first along the other axes."""
    coarsest = max(spacing)
    fine = [coarsest / step > LEAST_REDUCTION for step in spacing]
    return tuple(
        step * COARSER if each or not any(fine) else step
        for step, each in zip(spacing, fine, strict=True)
    )


def _first_patch(grid: Grid) -> tuple[int, ...]:
    """As many mm along each axis, but nowhere more than the median case has."""
    axes = len(grid.shape)
    finest = (LARGEST_START[axes] * prod(grid.spacing)) ** (1 / axes)
    return tuple(
        ceil(min(round(finest / step), side))
        for step, side in zip(grid.spacing, grid.shape, strict=True)
    )


def _padded(
    config: UNetConfig, patch: Sequence[int], spacing: tuple[float, ...]
) -> tuple[int, ...]:
    """The next larger patch that the stages divide."""
    divisor = unet_topology(config, tuple(patch), spacing).divisor
    return tuple(ceil(side / by) * by for side, by in zip(patch, divisor, strict=True))


def _smaller(
    config: UNetConfig,
    patch: tuple[int, ...],
    topology: UNetTopology,
    grid: Grid,
    memory_gb: float,
) -> tuple[int, ...]:
    """One step down along the axis that is largest relative to the median case.

    A step as the smaller patch needs it: with one fewer halving, sizes in between are possible.
    """
    shares = [side / whole for side, whole in zip(patch, grid.shape, strict=True)]
    axis = shares.index(max(shares))

    def less(step: int) -> tuple[int, ...]:
        return (*patch[:axis], patch[axis] - step, *patch[axis + 1 :])

    try:
        step = unet_topology(config, less(topology.divisor[axis]), grid.spacing).divisor[axis]
        return _padded(config, less(step), grid.spacing)
    except ConfigError as error:
        raise ConfigError(
            f"--memory-gb {memory_gb:g} is too little: not even a patch of"
            f" {' x '.join(map(str, patch))} fits; give more, or a smaller network"
            " (--task.network.base-features)"
        ) from error
