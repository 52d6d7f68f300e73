import os
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.inferers.inferer import SlidingWindowInferer
from torch.nn import functional as F

from lightning_modules.sliding_window import (
    join_slabs,
    mirrorings,
    predict_slabs,
    window_starts,
)


def whole(network, image, patch, **settings):
    networks = network if isinstance(network, list) else [network]
    return join_slabs(predict_slabs(networks, image, patch, device="cpu", **settings))


def convolution(dimensions=3, channels=2, outputs=3):
    torch.manual_seed(0)
    conv = torch.nn.Conv3d if dimensions == 3 else torch.nn.Conv2d
    return conv(channels, outputs, 5, padding=2).requires_grad_(False)


def constant(images):
    return torch.ones(len(images), 2, *images.shape[2:])


def ramp(images):
    """A network that sees where in its window a voxel lies."""
    along = torch.arange(images.shape[2], dtype=torch.float32)
    return along.reshape(-1, *[1] * (images.ndim - 3)) + images


@pytest.mark.parametrize("spatial", [(16, 16, 16), (5, 30, 17), (33, 9, 8), (40, 16, 21)])
def test_constant_network_gives_a_constant(spatial):
    found = whole(constant, torch.zeros(1, *spatial), (8, 16, 16))
    assert found.shape == (2, *spatial)
    assert torch.allclose(found, torch.ones(()), atol=1e-6)


# Sizes at which MONAI's windows, which push the last one back, lie where nnU-Net's do.
@pytest.mark.parametrize(
    ("spatial", "patch"),
    [((32, 24, 20), (16, 16, 8)), ((16, 48, 16), (16, 16, 8)), ((8, 40, 13), (16, 16, 16))],
)
@pytest.mark.parametrize("batch_size", [1, 3])
def test_logits_are_those_of_monais_inferer(spatial, patch, batch_size):
    network, image = convolution(), torch.randn(2, *spatial)
    inferer = SlidingWindowInferer(patch, batch_size, overlap=0.5, mode="gaussian")
    found = whole(network, image, patch, batch_size=batch_size)
    assert torch.allclose(found, inferer(image[None], network)[0], atol=1e-4)


def test_flat_logits_are_those_of_monais_inferer():
    network, image = convolution(2), torch.randn(2, 32, 40)
    inferer = SlidingWindowInferer((16, 16), 1, overlap=0.5, mode="gaussian")
    assert torch.allclose(
        whole(network, image, (16, 16)), inferer(image[None], network)[0], atol=1e-4
    )


def test_voxel_under_two_windows_is_their_mean_weighed_by_the_gaussian():
    found = whole(ramp, torch.zeros(1, 12, 8), (8, 8))
    weights = torch.exp(-((torch.arange(8) - 3.5) ** 2) / 2)
    one, other = (weights[6] * weights[3]).item(), (weights[2] * weights[3]).item()
    assert found[0, 6, 3].item() == pytest.approx((6 * one + 2 * other) / (one + other), abs=1e-5)


@pytest.mark.parametrize(
    ("side", "window", "starts"),
    [(110, 64, [0, 23, 46]), (64, 64, [0]), (65, 64, [0, 1]), (128, 64, [0, 32, 64])],
)
def test_windows_lie_where_nnunet_puts_them(side, window, starts):
    assert window_starts(side, window, 0.5) == starts


def test_slices_are_taken_one_by_one():
    assert window_starts(5, 1, 0.5) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("slice_axis", [0, 1, 2])
def test_flat_network_goes_slice_by_slice(slice_axis):
    network, image = convolution(2), torch.randn(2, 9, 11, 10)
    found = whole(network, image, (8, 8), slice_axis=slice_axis, batch_size=4)
    for number in range(image.shape[slice_axis + 1]):
        alone = whole(network, image.select(slice_axis + 1, number), (8, 8))
        assert torch.allclose(found.select(slice_axis + 1, number), alone, atol=1e-5)


def test_flat_network_without_an_axis_to_go_along_is_a_mistake():
    with pytest.raises(ValueError, match="slice_axis"):
        whole(constant, torch.zeros(1, 8, 8, 8), (8, 8))


def test_mirroring_an_equivariant_network_changes_nothing():
    image = torch.randn(1, 12, 20, 9)
    plain = whole(torch.tanh, image, (8, 8, 8))
    assert torch.allclose(whole(torch.tanh, image, (8, 8, 8), mirror_axes=(0, 1, 2)), plain)


def test_mirrored_logits_are_averaged():
    found = whole(ramp, torch.zeros(1, 8, 8), (8, 8), mirror_axes=(0,))
    assert torch.allclose(found, torch.full((1, 8, 8), 3.5))


def test_mirrorings_are_all_combinations():
    assert mirrorings((0, 2)) == [(), (2,), (4,), (2, 4)]


def test_networks_of_an_ensemble_are_averaged_before_the_activation():
    def strong(images):
        return torch.cat([3 * images, -images], dim=1)

    def weak(images):
        return torch.cat([-images, images], dim=1)

    image = torch.randn(1, 9, 10)
    found = whole([strong, weak], image, (8, 8), activation="softmax")
    assert torch.allclose(found, torch.cat([image, 0 * image]).softmax(0), atol=1e-6)
    assert torch.allclose(found.sum(0), torch.ones(9, 10))


def test_sigmoid_is_applied_to_each_structure():
    image = torch.randn(1, 9, 10)
    found = whole(lambda images: images, image, (8, 8), activation="sigmoid")
    assert torch.allclose(found, image.sigmoid(), atol=1e-6)


def test_case_smaller_than_the_patch_is_padded_by_zeros_and_cropped_back():
    network, image = convolution(), torch.randn(2, 5, 16, 7)
    padded = F.pad(image, (0, 1, 0, 0, 1, 2))
    found = whole(network, image, (8, 16, 8))
    assert torch.allclose(found, network(padded[None])[0, :, 1:6, :, :7], atol=1e-5)


@pytest.mark.parametrize("spatial", [(50, 9, 12), (7, 9, 61), (4, 40, 4), (16, 8, 8)])
def test_slabs_lie_side_by_side_and_cover_the_case(spatial):
    slabs = list(predict_slabs([constant], torch.zeros(1, *spatial), (8, 8, 8), device="cpu"))
    assert [slab.start for slab in slabs] == [0, *(slab.stop for slab in slabs[:-1])]
    assert slabs[-1].stop == spatial[slabs[0].axis]
    assert all(slab.values.shape[slab.axis + 1] == slab.stop - slab.start for slab in slabs)


def test_slabs_are_cut_along_the_longest_axis():
    slabs = list(predict_slabs([constant], torch.zeros(1, 20, 64, 30), (8, 8, 8), device="cpu"))
    assert {slab.axis for slab in slabs} == {1}
    assert max(slab.stop - slab.start for slab in slabs) <= 8


def test_slabs_together_are_the_sum_over_all_windows():
    network, image = convolution(), torch.randn(2, 40, 12, 12)
    found = whole(network, image, (8, 8, 8))
    turned = whole(
        lambda images: network(images.movedim(4, 2)).movedim(2, 4), image.movedim(1, 3), (8, 8, 8)
    )
    assert torch.allclose(found, turned.movedim(3, 1), atol=1e-5)


def test_first_slab_is_handed_out_before_the_last_window_is_read():
    seen = []

    def watching(images):
        seen.append(len(images))
        return images

    slabs = predict_slabs([watching], torch.zeros(1, 64, 8, 8), (8, 8, 8), device="cpu")
    next(slabs)
    assert len(seen) == 2
    assert len(list(slabs)) == 14


def test_memory_map_is_read_window_by_window(tmp_path):
    array = np.random.default_rng(0).normal(size=(2, 20, 9, 10)).astype(np.float16)
    np.save(tmp_path / "image.npy", array)
    stored = np.load(tmp_path / "image.npy", mmap_mode="r")
    network = convolution()
    expected = whole(network, torch.from_numpy(array.astype(np.float32)), (8, 8, 8))
    assert torch.equal(whole(network, stored, (8, 8, 8)), expected)


def test_same_case_gives_the_same_bits():
    network, image = convolution(), torch.randn(2, 21, 9, 10)
    assert torch.equal(whole(network, image, (8, 8, 8)), whole(network, image, (8, 8, 8)))


def test_callers_autocast_holds_and_means_stay_in_full_precision():
    with torch.autocast("cpu", torch.bfloat16):
        found = whole(convolution(), torch.randn(2, 9, 9, 9), (8, 8, 8))
    exact = whole(convolution(), torch.randn(2, 9, 9, 9), (8, 8, 8))
    assert found.dtype == exact.dtype == torch.float32


def test_no_gradient_is_kept():
    assert not whole(
        convolution().requires_grad_(True), torch.randn(2, 9, 9, 9), (8, 8, 8)
    ).requires_grad


def resident():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
def test_memory_does_not_grow_with_the_length_of_the_case():
    peaks = []
    for length in (64, 1024):
        image = np.broadcast_to(np.float32(1), (1, 96, 96, length))
        before, peak = resident(), 0
        slabs = predict_slabs(
            [lambda x: x.expand(-1, 3, -1, -1, -1)], image, (96, 96, 16), device="cpu"
        )
        for slab in slabs:
            peak = max(peak, resident() - before)
            del slab
        peaks.append(peak)
    output = 3 * 96 * 96 * 1024 * 4
    assert peaks[1] < peaks[0] + 0.1 * output
