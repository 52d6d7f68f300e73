"""The changes of grey values that nnU-Net's augmentation consists of, each as a plain function.

An image is float, ``(*spatial)``, one channel; it is not changed in place. Means are taken in
float64, so that they do not depend on the number of threads.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

TRUNCATE = 6.0
"""Width of the blur's kernel in standard deviations, as in batchgeneratorsv2."""
SMALLEST = 1e-7


def blur(image: Tensor, sigma: Sequence[float]) -> Tensor:
    """Gaussian blur, one standard deviation in voxels an axis, reflected at the edges."""
    for axis, width in enumerate(sigma):
        kernel = gaussian_kernel(width)
        if width > 0 and len(kernel) // 2 < image.shape[axis]:
            image = _correlate(image, kernel, axis)
    return image


def gaussian_kernel(sigma: float) -> list[float]:
    """Weights of a Gaussian, an odd number of them, over about six standard deviations."""
    radius = max(0, round((TRUNCATE * sigma + 0.5 - 1) / 2))
    x = torch.arange(-radius, radius + 1, dtype=torch.float64)
    weights = torch.exp(-0.5 * (x / max(sigma, SMALLEST)) ** 2)
    weights /= weights.sum()
    return [float(weight) for weight in weights]


def _correlate(image: Tensor, kernel: Sequence[float], axis: int) -> Tensor:
    radius, length = len(kernel) // 2, image.shape[axis]
    before = image.narrow(axis, 1, radius).flip(axis)
    after = image.narrow(axis, length - 1 - radius, radius).flip(axis)
    padded = torch.cat([before, image, after], axis)
    result = padded.narrow(axis, 0, length) * kernel[0]
    for place, weight in enumerate(kernel[1:], 1):
        result.add_(padded.narrow(axis, place, length), alpha=weight)
    return result


def stretch_contrast(image: Tensor, factor: float) -> Tensor:
    """Stretch grey values about their mean, and clamp them to the range that they had."""
    low, high = torch.aminmax(image)
    mean = image.mean(dtype=torch.float64).to(image.dtype)
    return ((image - mean).mul_(factor).add_(mean)).clamp_(low, high)


def lower_resolution(image: Tensor, share: Sequence[float]) -> Tensor:
    """Keep a share of the voxels along each axis (nearest), and interpolate back (linear)."""
    size = [max(1, round(n * left)) for n, left in zip(image.shape, share, strict=True)]
    fewer = F.interpolate(image[None, None], size, mode="nearest-exact")
    mode = {2: "bilinear", 3: "trilinear"}[image.ndim]
    return F.interpolate(fewer, tuple(image.shape), mode=mode)[0, 0]


def change_gamma(image: Tensor, gamma: float, *, inverted: bool = False) -> Tensor:
    """Raise grey values, scaled to 0..1, to a power; mean and standard deviation stay.

    Args:
        image: Grey values.
        gamma: The power.
        inverted: Does it to the negative of the image.
    """
    if inverted:
        return -change_gamma(-image, gamma)
    low, high = torch.aminmax(image)
    width = high - low
    raised = (image - low).div_(width.clamp(min=SMALLEST)).pow_(gamma).mul_(width).add_(low)
    mean, deviation = _moments(image)
    mean_now, deviation_now = _moments(raised)
    return raised.sub_(mean_now).mul_(deviation / deviation_now.clamp(min=SMALLEST)).add_(mean)


def _moments(image: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation, accumulated in float64."""
    mean = image.mean(dtype=torch.float64)
    square = (image - mean.to(image.dtype)).square_().mean(dtype=torch.float64)
    return mean.to(image.dtype), square.sqrt().to(image.dtype)


def noise_like(image: Tensor, key: int) -> Tensor:
    """Standard normal noise, a function of the key, the shape and the kind of device."""
    generator = torch.Generator(image.device).manual_seed(key)
    return torch.randn(image.shape, generator=generator, device=image.device, dtype=image.dtype)
