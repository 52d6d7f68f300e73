"""Random changes of patches as numbers: what is drawn for each, and what it needs to be read."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from datamodules.configs.volume_augmentation import VolumeAugmentation
from datamodules.transforms.draw_generator import generator

GATES = 9
SHARED = GATES + 9  # gates; three angles, scale, three flips, noise, key of the noise
PER_CHANNEL = 10
THICK = 3.0
"""Slices so many times as thick as wide, or a patch so many times as wide as thick, are changed
in their plane only (nnU-Net's threshold)."""
ELONGATED = 1.5
Floats = NDArray[np.float64]


@dataclass
class AugmentationParameters:
    """Changes of ``B`` patches with ``C`` channels and ``D`` axes; a few hundred bytes a patch.

    Attributes:
        matrix: From a voxel of the changed patch to one of the window, both counted from the
            centre: flips, rotation and scale in one, float64 ``(B, D, D)``.
        noise: Standard deviation, ``(B,)``; 0 for none.
        noise_key: The noise is a function of it, int64 ``(B,)``.
        blur: Standard deviation in voxels, ``(B, C, D)``; 0 for none.
        brightness: Factor, ``(B, C)``; as all that follow, 1 for none.
        contrast: Factor about the mean, ``(B, C)``.
        resolution: Share of the voxels that is left, ``(B, C, D)``.
        inverted_gamma: Power of the negative, ``(B, C)``.
        gamma: Power, ``(B, C)``.
    """

    matrix: Floats
    noise: Floats
    noise_key: NDArray[np.int64]
    blur: Floats
    brightness: Floats
    contrast: Floats
    resolution: Floats
    inverted_gamma: Floats
    gamma: Floats

    def __len__(self) -> int:
        return len(self.noise)

    def __getitem__(self, samples: slice) -> "AugmentationParameters":
        """Those of some of the patches."""
        return AugmentationParameters(
            *(getattr(self, field.name)[samples] for field in fields(self))
        )


def draw_parameters(
    config: VolumeAugmentation,
    seed: int,
    draws: Sequence[tuple[int, int]],
    patch: Sequence[int],
    spacing: Sequence[float],
    channels: int = 1,
) -> AugmentationParameters:
    """Draw the changes of patches; each is a function of the seed and its own (epoch, draw).

    One setting never alters what is drawn for another, nor one patch or channel what is drawn for
    the next.

    Args:
        config: Ranges and probabilities.
        seed: Of the experiment.
        draws: (epoch, draw) of every patch.
        patch: Size of a patch in voxels, 2 or 3 numbers.
        spacing: mm of a voxel along the axes of the patch.
        channels: Of the image.
    """
    count = SHARED + PER_CHANNEL * channels
    u = np.array([generator(seed, epoch, draw).random(count) for epoch, draw in draws])
    u = u.reshape(len(draws), count)
    gates, shared = u[:, :GATES], u[:, GATES:SHARED]
    each = u[:, SHARED:].reshape(len(draws), channels, PER_CHANNEL)
    chance = (
        config.noise_probability,
        config.blur_probability,
        config.brightness_probability,
        config.contrast_probability,
        config.low_resolution_probability,
        config.inverted_gamma_probability,
        config.gamma_probability,
    )
    noise, *on = (gates[:, 2:] < chance).T
    blur, brightness, contrast, resolution, inverted, gamma = (gate[:, None] for gate in on)
    plane = through_plane(patch, spacing)
    kept = np.arange(len(patch)) == plane
    sigma = _uniform(each[..., 7 : 7 + len(patch)], config.blur)
    share = np.where(kept, 1.0, _uniform(each[..., 6], config.low_resolution)[..., None])
    return AugmentationParameters(
        matrix=_matrices(config, gates[:, :2], shared[:, :7], patch, spacing),
        noise=np.where(noise, config.noise * shared[:, 7], 0.0),
        noise_key=(shared[:, 8] * 2**53).astype(np.int64),
        blur=np.where((blur & (each[..., 0] < 0.5))[..., None], sigma, 0.0),
        brightness=np.where(brightness, _about_one(each[..., 1], config.brightness), 1.0),
        contrast=np.where(contrast, _about_one(each[..., 2], config.contrast), 1.0),
        resolution=np.where((resolution & (each[..., 3] < 0.5))[..., None], share, 1.0),
        inverted_gamma=np.where(inverted, _about_one(each[..., 4], config.gamma), 1.0),
        gamma=np.where(gamma, _about_one(each[..., 5], config.gamma), 1.0),
    )


def source_window(parameters: AugmentationParameters, patch: Sequence[int]) -> NDArray[np.int64]:
    """Sizes of the windows that must be read for patches, int64 ``(B, D)``.

    A window is centred on its patch: it starts ``(window - patch) // 2`` voxels before it, which
    is a whole number. It is the patch itself where nothing is resampled, and never smaller than
    what the corners of the changed patch reach.
    """
    size = np.asarray(patch)
    reach = np.abs(parameters.matrix) @ (size - 1)
    same = (np.abs(parameters.matrix) == np.eye(len(size))).all(-1)
    needed = np.ceil(reach).astype(np.int64) + 2
    return np.where(same, size, needed + (needed - size) % 2)


def through_plane(patch: Sequence[int], spacing: Sequence[float]) -> int | None:
    """The axis along which slices are so thick that nothing is rotated or scaled along it."""
    if len(patch) < 3:
        return None
    axis = max(range(len(patch)), key=lambda d: (spacing[d], -patch[d]))
    thick = spacing[axis] > THICK * min(spacing) or max(patch) > THICK * patch[axis]
    return axis if thick else None


def largest_rotation(
    config: VolumeAugmentation, patch: Sequence[int], spacing: Sequence[float]
) -> float:
    """Bound of the rotation in degrees, by nnU-Net's rule unless it is set."""
    if config.rotation_degrees is not None:
        return config.rotation_degrees
    if len(patch) == 2:
        return 15.0 if max(patch) > ELONGATED * min(patch) else 180.0
    return 30.0 if through_plane(patch, spacing) is None else 180.0


def _matrices(
    config: VolumeAugmentation,
    gates: Floats,
    u: Floats,
    patch: Sequence[int],
    spacing: Sequence[float],
) -> Floats:
    """Flips, then scale and rotation in mm: with thick slices a rotation of voxels would shear."""
    axes = len(patch)
    limit = math.radians(largest_rotation(config, patch, spacing))
    angles = np.where(gates[:, :1] < config.rotation_probability, limit * (2 * u[:, :3] - 1), 0.0)
    scale = np.where(gates[:, 1] < config.scale_probability, _uniform(u[:, 3], config.scale), 1.0)
    matrix = np.broadcast_to(np.eye(axes), (len(u), axes, axes)).copy()
    plane = through_plane(patch, spacing)
    moved = [axis for axis in range(axes) if axis != plane]
    turned = rotation(angles[:, : 1 if len(moved) == 2 else 3])
    mm = np.asarray([spacing[axis] for axis in moved])
    matrix[np.ix_(range(len(u)), moved, moved)] = turned * scale[:, None, None] * mm / mm[:, None]
    mirrored = range(axes) if config.mirror is None else config.mirror
    allowed = np.isin(np.arange(axes), mirrored)
    return matrix * np.where(allowed & (u[:, 4 : 4 + axes] < 0.5), -1.0, 1.0)[:, None, :]


def rotation(angles: Floats) -> Floats:
    """Rotation matrices, ``(B, 2, 2)`` of one angle, ``(B, 3, 3)`` of three, about axes 0, 1, 2.

    Args:
        angles: Radians, ``(B, 1)`` or ``(B, 3)``.
    """
    axes = 2 if angles.shape[1] == 1 else 3
    result = np.broadcast_to(np.eye(axes), (len(angles), axes, axes)).copy()
    for angle, (i, j) in zip(angles.T, [(-2, -1), (-1, 0), (0, 1)], strict=False):
        turn = np.broadcast_to(np.eye(axes), result.shape).copy()
        turn[:, i, i] = turn[:, j, j] = np.cos(angle)
        turn[:, j, i] = np.sin(angle)
        turn[:, i, j] = -turn[:, j, i]
        result = turn @ result
    return result


def _uniform(u: Floats, bounds: tuple[float, float]) -> Floats:
    return bounds[0] + (bounds[1] - bounds[0]) * u


def _about_one(u: Floats, bounds: tuple[float, float]) -> Floats:
    """As often below 1 as above, uniform on either side, as in nnU-Net."""
    below = bounds[0] + (1 - bounds[0]) * 2 * u
    return np.where(u < 0.5, below, 1 + (bounds[1] - 1) * (2 * u - 1))
