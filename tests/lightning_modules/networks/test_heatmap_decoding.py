"""From heatmaps to landmarks."""

import math

import pytest
import torch

from lightning_modules.losses.heatmaps import gaussian_heatmaps
from lightning_modules.networks.heatmap_decoding import decode, soft_argmax

PLACES = torch.tensor([[[10.3, 20.8], [30.0, 9.25]]])


def test_soft_argmax_is_the_mean_of_the_middles_of_voxels() -> None:
    maps = torch.tensor([0.0, 0.0, math.log(2)]).reshape(1, 1, 1, 3)
    # weights 1/4, 1/4, 1/2 at 0.5, 1.5, 2.5
    assert soft_argmax(maps).tolist() == [[[0.5, pytest.approx(1.75)]]]


def test_a_low_temperature_takes_the_peak() -> None:
    maps = torch.tensor([0.0, 0.0, math.log(2)]).reshape(1, 1, 1, 3)
    assert soft_argmax(maps, 0.01)[0, 0, 1] == pytest.approx(2.5)


def test_a_temperature_that_is_not_positive_is_refused() -> None:
    with pytest.raises(ValueError, match="temperature"):
        soft_argmax(torch.zeros(1, 1, 2, 2), 0.0)


def test_sub_pixel_places_come_back_from_their_gaussians() -> None:
    maps = gaussian_heatmaps(PLACES, (48, 40), 2.0)
    for found in (decode(maps, "positive", 2.0), decode(maps.log(), "softmax", 2.0)):
        assert (found.points - PLACES).abs().max() < 0.05


def test_places_in_volumes_come_back() -> None:
    places = torch.tensor([[[10.3, 12.8, 7.5]]])
    found = decode(gaussian_heatmaps(places, (20, 24, 16), 1.5), "positive", 1.5)
    assert (found.points - places).abs().max() < 0.05


def test_a_second_peak_does_not_draw_the_place_away() -> None:
    maps = gaussian_heatmaps(PLACES[:, :1], (48, 40), 2.0)
    maps = maps + 0.8 * gaussian_heatmaps(PLACES[:, 1:], (48, 40), 2.0)
    assert (decode(maps, "positive", 2.0).points - PLACES[:, :1]).abs().max() < 0.1
    assert (soft_argmax(maps.log()) - PLACES[:, :1]).abs().max() > 5


def test_two_equal_peaks_halve_the_confidence_of_a_softmax() -> None:
    one = gaussian_heatmaps(PLACES[:, :1], (48, 40), 2.0)
    two = one + gaussian_heatmaps(PLACES[:, 1:], (48, 40), 2.0)
    sure = decode(one.log(), "softmax", 2.0).confidence
    unsure = decode(two.log(), "softmax", 2.0).confidence
    assert sure.item() == pytest.approx(1, abs=0.02)
    assert unsure.item() == pytest.approx(0.5, abs=0.02)


def test_the_height_of_the_peak_is_the_confidence_of_a_sigmoid() -> None:
    maps = torch.full((1, 1, 8, 8), -9.0)
    maps[0, 0, 3, 4] = math.log(0.7 / 0.3)
    found = decode(maps, "sigmoid", 0.4)
    assert found.confidence.item() == pytest.approx(0.7)
    assert found.points[0, 0].tolist() == pytest.approx([3.5, 4.5], abs=0.01)


def test_an_empty_map_has_no_confidence() -> None:
    found = decode(torch.full((1, 1, 8, 8), -1.0), "positive", 1.0)
    assert found.confidence.item() == 0
    assert found.points.isfinite().all()
