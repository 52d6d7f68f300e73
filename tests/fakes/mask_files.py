"""Small images and volumes with the masks of what can be seen in them: discs and balls."""

from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

SHAPE = (16, 14, 8)
AFFINE = np.diag((-1.0, -1.0, 2.0, 1.0))


def write_slice(path: Path, mask: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """An 8-bit image on which each value of the mask is brighter than the one before."""
    write_image(path, (60 + 60.0 * mask + rng.normal(0, 8, mask.shape)).clip(0, 255))


def write_image(path: Path, pixels: NDArray[np.generic]) -> None:
    """Any 8-bit image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)


def write_volume(path: Path, voxels: NDArray[np.generic]) -> None:
    """A NIfTI of 1 x 1 x 2 mm; a fourth axis has channels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(voxels, AFFINE), path)


def volume_of(mask: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
    """Grey values of a volume on which each value of the mask is brighter than the one before."""
    return (100 + 80.0 * mask + rng.normal(0, 10, mask.shape)).astype(np.float32)


def ball(rng: np.random.Generator, shape: tuple[int, ...] = SHAPE) -> NDArray[np.uint8]:
    """A disc or ball somewhere near the middle: 1, and in its core 2."""
    centre = (np.array(shape) - 1) / 2 + rng.uniform(-1, 1, len(shape))
    places = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    distance = np.linalg.norm((places - centre) / (np.array(shape) * 0.35), axis=-1)
    mask: NDArray[np.uint8] = ((distance < 1).astype(np.uint8) + (distance < 0.6)).astype(np.uint8)
    return mask
