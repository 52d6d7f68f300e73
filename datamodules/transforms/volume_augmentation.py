"""Random changes of training patches, applied where their tensors are: in a worker or on a GPU.

In a worker, or on the device that they are on, patches are changed one by one, so that what
becomes of one does not depend on the others in its batch.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from datamodules.transforms.affine_sampling import sample_affine
from datamodules.transforms.intensity_changes import (
    blur,
    change_gamma,
    lower_resolution,
    noise_like,
    stretch_contrast,
)
from datamodules.transforms.volume_parameters import AugmentationParameters


@torch.no_grad()
def augment(
    images: Sequence[Tensor],
    masks: Sequence[Tensor],
    parameters: AugmentationParameters,
    patch: Sequence[int],
) -> tuple[Tensor, Tensor]:
    """Change the patches of a batch.

    Args:
        images: Float32, ``(C, *window)`` each, normalised, 0 outside the volume; the windows are
            those of :func:`~datamodules.transforms.volume_parameters.source_window`, and are left
            as they are.
        masks: uint8, ``(M, *window)`` each, 0 outside the volume.
        parameters: Of every patch.
        patch: Size of a patch.

    Returns:
        Image float32 ``(B, C, *patch)`` and mask uint8 ``(B, M, *patch)``.
    """
    image = images[0].new_empty((len(images), len(images[0]), *patch))
    mask = masks[0].new_empty((len(masks), len(masks[0]), *patch))
    for sample in range(len(images)):
        augment_into(
            images[sample], masks[sample], parameters[sample : sample + 1], image[sample],
            mask[sample],
        )  # fmt: skip
    return image, mask


def augment_images(
    images: Sequence[Tensor], parameters: AugmentationParameters, patch: Sequence[int]
) -> Tensor:
    """Change patches without masks: as :func:`augment`, ``(B, C, *patch)``."""
    none = [each.new_empty((0, *each.shape[1:]), dtype=torch.uint8) for each in images]
    return augment(images, none, parameters, patch)[0]


@torch.no_grad()
def augment_into(
    image: Tensor,
    mask: Tensor,
    parameters: AugmentationParameters,
    image_out: Tensor,
    mask_out: Tensor,
) -> None:
    """Change one patch, and write it where a batch wants it.

    Args:
        image: Float32, ``(C, *window)``.
        mask: uint8, ``(M, *window)``.
        parameters: Of this patch alone.
        image_out: Float32, ``(C, *patch)``.
        mask_out: uint8, ``(M, *patch)``.
    """
    moved, labels = sample_affine(image, mask, parameters.matrix[0], image_out.shape[1:])
    mask_out.copy_(labels)
    if deviation := float(parameters.noise[0]):
        noise = noise_like(image_out, int(parameters.noise_key[0]))
        torch.add(moved, noise, alpha=deviation, out=image_out)
    else:
        image_out.copy_(moved)
    for channel, grey in enumerate(image_out):
        if (changed := change_grey(grey, parameters, channel)) is not grey:
            grey.copy_(changed)


def change_grey(image: Tensor, parameters: AugmentationParameters, channel: int) -> Tensor:
    """Everything that happens to one channel of one patch after noise, in nnU-Net's order.

    Args:
        image: Float, ``(*patch)``.
        parameters: Of this patch alone.
        channel: Which one it is.

    Returns:
        Like the image; the image itself where nothing happens.
    """
    if parameters.blur[0, channel].any():
        image = blur(image, parameters.blur[0, channel].tolist())
    if (brightness := float(parameters.brightness[0, channel])) != 1:
        image = image * brightness
    if (contrast := float(parameters.contrast[0, channel])) != 1:
        image = stretch_contrast(image, contrast)
    if (parameters.resolution[0, channel] != 1).any():
        image = lower_resolution(image, parameters.resolution[0, channel].tolist())
    if (power := float(parameters.inverted_gamma[0, channel])) != 1:
        image = change_gamma(image, power, inverted=True)
    if (power := float(parameters.gamma[0, channel])) != 1:
        image = change_gamma(image, power)
    return image
