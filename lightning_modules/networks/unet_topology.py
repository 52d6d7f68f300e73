"""The shape of a U-Net: how often each axis is reduced, and where it is looked along."""

from dataclasses import dataclass
from math import ceil, prod

from datamodules.errors import ConfigError
from lightning_modules.configs.segmentation_networks import UNetConfig

LEAST_SIDE = 4
"""Voxels of an axis below which it is not reduced any further."""
LAST_SIDE = 12
"""Voxels that the only axis left needs to be reduced alone."""
MOST_FEATURES = {2: 512, 3: 320}
RESIDUAL_BLOCKS = (1, 3, 4, 6)
"""Residual blocks of the first stages; the last number holds for all that follow."""


@dataclass(frozen=True)
class UNetTopology:
    """Stages of a U-Net from full resolution down; plain values.

    Attributes:
        features: Channels of each stage.
        kernels: Sides of its convolutions, one number an axis.
        strides: By how much it reduces what it gets; 1 for the first.
        blocks: Convolutions or residual blocks of each stage on the way down.
        decoder_blocks: Convolutions of each stage on the way up, one fewer than stages.
    """

    features: tuple[int, ...]
    kernels: tuple[tuple[int, ...], ...]
    strides: tuple[tuple[int, ...], ...]
    blocks: tuple[int, ...]
    decoder_blocks: tuple[int, ...]

    @property
    def divisor(self) -> tuple[int, ...]:
        """What each side of a patch has to be a multiple of."""
        return tuple(prod(axis) for axis in zip(*self.strides, strict=True))


def plan_stages(
    patch: tuple[int, ...], spacing: tuple[float, ...], most: int | None = None
) -> tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]:
    """Kernels and strides of each stage by nnU-Net's rules.

    An axis is halved while it has at least eight voxels and its spacing is below twice the finest
    of the axes that can still be halved; the last such axis only while it has twelve. A kernel is
    1 wide along an axis until its spacing has come within twice the finest, then 3; always 3 at
    the lowest resolution.

    Args:
        patch: Voxels along each axis.
        spacing: In mm, along the same axes.
        most: Stages at most; None: as many as the rules give.

    Returns:
        Kernels and strides, a tuple each, with one number an axis for every stage.

    References:
        Isensee et al., "nnU-Net", Nature Methods 2021, supplementary note 2.
    """
    sides, steps = list(patch), list(spacing)
    axes = range(len(patch))
    kernel = [1] * len(patch)
    kernels: list[tuple[int, ...]] = []
    strides = [(1,) * len(patch)]
    while (most is None or len(strides) < most) and (halved := _to_halve(sides, steps)):
        finest = min(steps)
        kernel = [3 if kernel[axis] == 3 or steps[axis] < 2 * finest else 1 for axis in axes]
        kernels.append(tuple(kernel))
        strides.append(tuple(2 if axis in halved else 1 for axis in axes))
        for axis in halved:
            sides[axis], steps[axis] = ceil(sides[axis] / 2), 2 * steps[axis]
    return (*kernels, (3,) * len(patch)), tuple(strides)


def _to_halve(sides: list[int], spacing: list[float]) -> set[int]:
    """The axes that the next stage halves; empty where the last stage is reached."""
    large = [axis for axis, side in enumerate(sides) if side >= 2 * LEAST_SIDE]
    finest = min((spacing[axis] for axis in large), default=0.0)
    halved = {axis for axis in large if spacing[axis] < 2 * finest}
    alone = len(halved) == 1 and all(sides[axis] < LAST_SIDE for axis in halved)
    return set() if alone else halved


def unet_topology(
    config: UNetConfig, patch: tuple[int, ...], spacing: tuple[float, ...]
) -> UNetTopology:
    """Stages of the U-Net that settings ask for; what they leave open is planned.

    Args:
        config: Settings.
        patch: Voxels along each axis.
        spacing: In mm, along the same axes.

    Raises:
        ConfigError: If settings disagree about the number of stages or axes, or leave only one
            stage.
    """
    kernels, strides = plan_stages(patch, spacing, config.stages)
    if config.strides is not None:
        strides = config.strides
        kernels = ((3,) * len(patch),) * len(strides)
    if config.kernels is not None:
        kernels = config.kernels
    stages = len(strides)
    if stages < 2:
        raise ConfigError(
            f"a patch (data.patch) of {times(patch)} is too small to be halved even once; "
            f"a U-Net needs {2 * LEAST_SIDE} voxels along an axis, or task.network.strides"
        )
    blocks = config.blocks or _default_blocks(config, stages)
    _check(config, len(patch), {"kernels": len(kernels), "blocks": len(blocks)}, stages)
    most = config.max_features or MOST_FEATURES[len(patch)]
    return UNetTopology(
        features=tuple(min(most, config.base_features * 2**stage) for stage in range(stages)),
        kernels=kernels,
        strides=strides,
        blocks=blocks,
        decoder_blocks=(config.decoder_blocks or (2 if config.encoder == "plain" else 1),)
        * (stages - 1),
    )


def _default_blocks(config: UNetConfig, stages: int) -> tuple[int, ...]:
    if config.encoder == "plain":
        return (2,) * stages
    return tuple(RESIDUAL_BLOCKS[min(stage, len(RESIDUAL_BLOCKS) - 1)] for stage in range(stages))


def _check(config: UNetConfig, dimensions: int, lengths: dict[str, int], stages: int) -> None:
    """What was set by hand must belong together."""
    for name, length in lengths.items():
        if length != stages:
            raise ConfigError(
                f"task.network.{name} is for {length} stages, but there are {stages}: give one "
                "entry a stage, or set task.network.strides as well"
            )
    for name, sides in (("kernels", config.kernels), ("strides", config.strides)):
        if sides and len(sides[0]) != dimensions:
            raise ConfigError(
                f"task.network.{name} has {len(sides[0])} numbers a stage, but the patch "
                f"(data.patch) has {dimensions} axes"
            )
    if config.kernels and any(side % 2 == 0 for kernel in config.kernels for side in kernel):
        raise ConfigError("task.network.kernels: an even kernel has no middle; use 1, 3, 5 or 7")
    if config.strides and set(config.strides[0]) != {1}:
        raise ConfigError("task.network.strides: the first stage is the patch's own, stride 1")


def times(sides: tuple[int, ...]) -> str:
    """Sides as a message shows them."""
    return " x ".join(str(side) for side in sides)
