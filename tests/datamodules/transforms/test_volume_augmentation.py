"""Changed patches: the same bytes in any batch, and what each parameter does."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from datamodules.configs.volume_augmentation import LIGHT, VolumeAugmentation
from datamodules.transforms.volume_augmentation import augment
from datamodules.transforms.volume_parameters import (
    AugmentationParameters,
    draw_parameters,
    source_window,
)

STRONG = VolumeAugmentation(
    rotation_probability=0.5, scale_probability=0.5, noise_probability=0.5, blur_probability=1,
    brightness_probability=0.5, contrast_probability=0.5, low_resolution_probability=0.8,
    gamma_probability=0.5, inverted_gamma_probability=0.5,
)  # fmt: skip
NOTHING = LIGHT.replace(rotation_probability=0, scale_probability=0, noise_probability=0, mirror=())
CASES = [((16, 18, 14), (1.0, 1.0, 1.0)), ((20, 24, 5), (1.0, 1.0, 5.0)), ((24, 31), (1.0, 1.0))]
KEYS = [(epoch, draw) for epoch in range(3) for draw in range(4)]


def patches(
    config: VolumeAugmentation, patch: Sequence[int], spacing: Sequence[float]
) -> tuple[list[Tensor], list[Tensor], AugmentationParameters]:
    parameters = draw_parameters(config, 1, KEYS, patch, spacing, channels=2)
    torch.manual_seed(0)
    windows = source_window(parameters, patch).tolist()
    images = [torch.randn(2, *window) for window in windows]
    return images, [(image[:1] > 0.5).to(torch.uint8) for image in images], parameters


def changed(
    config: VolumeAugmentation, patch: Sequence[int], spacing: Sequence[float], batch: int = 12
) -> tuple[Tensor, Tensor]:
    images, masks, parameters = patches(config, patch, spacing)
    found = [
        augment(images[place], masks[place], parameters[place], patch)
        for place in (slice(start, start + batch) for start in range(0, 12, batch))
    ]
    return torch.cat([image for image, _ in found]), torch.cat([mask for _, mask in found])


@pytest.mark.parametrize(("patch", "spacing"), CASES)
def test_a_patch_is_the_same_in_a_batch_of_any_size(
    patch: tuple[int, ...], spacing: tuple[float, ...]
) -> None:
    image, mask = changed(STRONG, patch, spacing)
    assert image.shape == (12, 2, *patch)
    assert mask.shape == (12, 1, *patch)
    assert image.isfinite().all()
    for batch in (1, 4):
        again, labels = changed(STRONG, patch, spacing, batch)
        assert again.numpy().tobytes() == image.numpy().tobytes()
        assert torch.equal(labels, mask)


def test_a_patch_is_the_same_on_any_number_of_threads() -> None:
    patch, threads, found = (36, 36, 32), torch.get_num_threads(), []  # more than a thread's share
    images, masks, parameters = patches(STRONG, patch, (1.0, 1.0, 1.0))
    place = int(np.argmax((parameters.gamma != 1).all(1) & (parameters.noise > 0)))
    one = slice(place, place + 1)
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            found.append(augment(images[one], masks[one], parameters[one], patch)[0])
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(*found)


@pytest.mark.parametrize(("patch", "spacing"), CASES)
def test_without_changes_a_patch_stays_as_it_was(
    patch: tuple[int, ...], spacing: tuple[float, ...]
) -> None:
    images, masks, _ = patches(NOTHING, patch, spacing)
    image, mask = changed(NOTHING, patch, spacing)
    assert torch.equal(image, torch.stack(images))
    assert torch.equal(mask, torch.stack(masks))


def test_windows_are_left_as_they_are() -> None:
    images, masks, parameters = patches(STRONG, *CASES[0])
    before = [image.clone() for image in images]
    augment(images, masks, parameters, CASES[0][0])
    assert all(map(torch.equal, images, before))


def test_a_patch_keeps_its_place_in_the_window() -> None:
    config = LIGHT.replace(rotation_probability=1, rotation_degrees=0.001, scale_probability=0,
                           noise_probability=0, mirror=())  # fmt: skip
    images, _, parameters = patches(config, *CASES[0])
    patch = np.array(CASES[0][0])
    for window, image, moved in zip(
        source_window(parameters, patch), images, changed(config, *CASES[0])[0], strict=True
    ):
        inner = tuple(slice(s, s + p) for s, p in zip((window - patch) // 2, patch, strict=True))
        torch.testing.assert_close(moved, image[:, *inner], atol=5e-3, rtol=0)


def test_noise_has_the_deviation_that_was_drawn_in_every_channel() -> None:
    config = NOTHING.replace(noise_probability=1)
    images, _, parameters = patches(config, *CASES[0])
    image, _ = changed(config, *CASES[0])
    deviation = (image - torch.stack(images)).std((2, 3, 4))
    expected = torch.from_numpy(parameters.noise)[:, None].expand(-1, 2).float()
    torch.testing.assert_close(deviation, expected, rtol=0.05, atol=0)


def test_brightness_multiplies_each_channel_by_its_own_factor() -> None:
    config = NOTHING.replace(brightness_probability=1)
    images, _, parameters = patches(config, *CASES[0])
    image, _ = changed(config, *CASES[0])
    factors = torch.from_numpy(parameters.brightness).float()[:, :, None, None, None]
    torch.testing.assert_close(image, torch.stack(images) * factors)
    assert (parameters.brightness[:, 0] != parameters.brightness[:, 1]).all()


def test_grey_values_change_without_touching_the_mask() -> None:
    config = STRONG.replace(rotation_probability=0, scale_probability=0, mirror=())
    _, masks, _ = patches(config, *CASES[0])
    assert torch.equal(changed(config, *CASES[0])[1], torch.stack(masks))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_gives_what_a_cpu_gives() -> None:
    config = STRONG.replace(noise_probability=0)
    images, masks, parameters = patches(config, *CASES[0])
    device = [each.cuda() for each in images], [each.cuda() for each in masks]
    image, mask = augment(*device, parameters, CASES[0][0])
    expected, labels = augment(images, masks, parameters, CASES[0][0])
    torch.testing.assert_close(image.cpu(), expected, atol=1e-3, rtol=1e-3)
    assert (mask.cpu() == labels).float().mean() > 0.999
