"""Random changes of training films: drawing parameters, applying them, and the transform of both.

Images stay uint8: a loader that does all of this in float32 gives half as many images a second.
:func:`normalise` makes the floats afterwards, in one pass over the batch.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from datamodules.configs.xrays import XrayAugmentation
from datamodules.transforms.draw_generator import generator

WHITE = 255
Rectangle = tuple[float, float, float, float]
ERASED_AREA = (0.02, 0.2)
ERASED_ASPECT = (0.3, 1 / 0.3)
DRAWS = 15
# Quantiles of the normal distribution: 16 random bits choose one, three times as fast as
# numpy's standard_normal.
NORMAL = ndtri((np.arange(2**16) + 0.5) / 2**16).astype(np.float32)

cv2.setNumThreads(1)  # there is one loader worker a core


@dataclass(frozen=True, slots=True)
class AugmentationParameters:
    """One change of one film; the defaults change nothing.

    Attributes:
        rotation_degrees: Counter-clockwise, about the centre.
        shift: Down and to the right, as shares of height and width.
        zoom: Above 1 enlarges.
        flip: Left and right are exchanged, before anything else.
        contrast: Grey values are stretched about their mean by this factor,
        brightness: then this is added (grey values in 0..1),
        gamma: then they are raised to this power.
        noise: Standard deviation of Gaussian noise, for grey values in 0..1.
        noise_key: The noise is a function of it.
        erased: Top, left, height and width of a black rectangle, as shares of the image.
    """

    rotation_degrees: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)
    zoom: float = 1.0
    flip: bool = False
    contrast: float = 1.0
    brightness: float = 0.0
    gamma: float = 1.0
    noise: float = 0.0
    noise_key: int = 0
    erased: Rectangle | None = None


class AugmentXray:
    """Changes a film at random, as a pure function of (seed, epoch, draw)."""

    def __init__(self, config: XrayAugmentation) -> None:
        self.config = config

    def __call__(
        self, data: NDArray[np.uint8], seed: int, epoch: int, draw: int, view: int = 0
    ) -> NDArray[np.uint8]:
        """Augment one film, uint8 ``(H, W)``; the film itself is left as it is."""
        random = generator(seed, epoch, draw, view)
        return apply_parameters(data, draw_parameters(self.config, random))


def draw_parameters(config: XrayAugmentation, rng: np.random.Generator) -> AugmentationParameters:
    """Draw one change; one setting never alters what is drawn for another."""
    u = rng.random(DRAWS)
    either = 2 * u - 1
    return AugmentationParameters(
        rotation_degrees=float(config.rotation_degrees * either[0]),
        shift=(float(config.translation * either[1]), float(config.translation * either[2])),
        zoom=float(1 + config.scale * either[3]),
        flip=bool(u[4] < config.horizontal_flip),
        contrast=float(1 + config.contrast * either[5]),
        brightness=float(config.brightness * either[6]),
        gamma=float((1 + config.gamma) ** either[7]),
        noise=float(config.noise * u[8]),
        noise_key=int(u[9] * 2**53),
        erased=_rectangle(u[11:15]) if u[10] < config.erase else None,
    )


def apply_parameters(
    image: NDArray[np.uint8], parameters: AugmentationParameters
) -> NDArray[np.uint8]:
    """Apply one change: geometry in one warp, grey values in one look-up table, noise, erasing.

    Args:
        image: uint8, shape ``(H, W)``; left as it is.
        parameters: The change.

    Returns:
        uint8, shape ``(H, W)``. Where the film does not reach, its edge goes on: black corners
        that no film has at validation would shift the statistics of every normalisation layer.
    """
    changed = _warp(image, parameters)
    changed = _change_grey(changed, parameters)
    changed = _add_noise(changed, parameters)
    if parameters.erased is not None:
        changed = changed.copy() if changed is image else changed
        changed[_region(parameters.erased, *changed.shape)] = round(cv2.mean(changed)[0])
    return changed.copy() if changed is image else changed


def _rectangle(u: NDArray[np.float64]) -> Rectangle:
    """Random erasing (Zhong et al., AAAI 2020): uniform area, log-uniform aspect, uniform place."""
    area = ERASED_AREA[0] + (ERASED_AREA[1] - ERASED_AREA[0]) * u[0]
    aspect = ERASED_ASPECT[0] * (ERASED_ASPECT[1] / ERASED_ASPECT[0]) ** u[1]
    height, width = math.sqrt(area * aspect), math.sqrt(area / aspect)
    return (float((1 - height) * u[2]), float((1 - width) * u[3]), height, width)


def _region(erased: Rectangle, rows: int, columns: int) -> tuple[slice, slice]:
    top, left, height, width = erased
    return (
        slice(round(top * rows), round((top + height) * rows)),
        slice(round(left * columns), round((left + width) * columns)),
    )


def warp_matrix(parameters: AugmentationParameters, rows: int, columns: int) -> NDArray[np.float64]:
    """Matrix ``(2, 3)`` from pixels ``(x, y)`` of the film to those of the changed film."""
    angle = math.radians(parameters.rotation_degrees)
    cos, sin = parameters.zoom * math.cos(angle), parameters.zoom * math.sin(angle)
    mirror = -1 if parameters.flip else 1
    linear = np.array([[mirror * cos, sin], [-mirror * sin, cos]])
    centre = np.array([(columns - 1) / 2, (rows - 1) / 2])
    down, right = parameters.shift
    offset = centre + np.array([right * columns, down * rows]) - linear @ centre
    return np.column_stack([linear, offset])


def _warp(image: NDArray[np.uint8], parameters: AugmentationParameters) -> NDArray[np.uint8]:
    matrix = warp_matrix(parameters, *image.shape)
    if np.array_equal(matrix, np.eye(2, 3)):
        return image
    size = image.shape[1], image.shape[0]
    warped = cv2.warpAffine(
        image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(warped, np.uint8)


def _change_grey(image: NDArray[np.uint8], parameters: AugmentationParameters) -> NDArray[np.uint8]:
    contrast, brightness, gamma = parameters.contrast, parameters.brightness, parameters.gamma
    if (contrast, brightness, gamma) == (1, 0, 1):
        return image
    mean = cv2.mean(image)[0] / WHITE
    grey = (np.arange(WHITE + 1) / WHITE - mean) * contrast + mean + brightness
    table = np.rint(WHITE * np.clip(grey, 0, 1) ** gamma).astype(np.uint8)
    return np.asarray(cv2.LUT(image, table), np.uint8)


def _add_noise(image: NDArray[np.uint8], parameters: AugmentationParameters) -> NDArray[np.uint8]:
    if parameters.noise == 0:
        return image
    words = np.random.Philox(key=parameters.noise_key).random_raw(-(-image.size // 4))
    codes = words.view(np.uint16)[: image.size].reshape(image.shape)
    levels = np.rint(NORMAL * np.float32(WHITE * parameters.noise)).astype(np.int16)
    return np.asarray(cv2.add(image, levels.take(codes), dtype=cv2.CV_8U), np.uint8)  # saturates
