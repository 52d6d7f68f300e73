"""Losses of heatmaps, against values worked by hand."""

import math

import pytest
import torch

from lightning_modules.configs.landmark_losses import (
    AdaptiveWingHeatmap,
    BceHeatmap,
    CrossEntropyHeatmap,
    MseHeatmap,
    NoHeatmap,
)
from lightning_modules.losses.heatmaps import (
    adaptive_wing,
    build_heatmap_loss,
    gaussian_heatmaps,
)

MIDDLE = torch.tensor([[[2.5, 3.5]]])


def test_a_gaussian_is_highest_in_the_voxel_that_holds_the_landmark() -> None:
    found = gaussian_heatmaps(MIDDLE, (6, 8), 1.5)[0, 0]
    assert found[2, 3] == 1
    assert found[2, 4] == pytest.approx(math.exp(-1 / (2 * 1.5**2)))
    assert found[1, 4] == pytest.approx(math.exp(-2 / (2 * 1.5**2)))


def test_gaussians_of_volumes_may_each_have_a_width_of_their_own() -> None:
    points = torch.tensor([[[1.5, 1.5, 1.5], [1.5, 1.5, 1.5]]])
    found = gaussian_heatmaps(points, (3, 4, 5), torch.tensor([1.0, 2.0]))
    assert found.shape == (1, 2, 3, 4, 5)
    assert found[0, :, 1, 1, 2].tolist() == pytest.approx([math.exp(-0.5), math.exp(-0.125)])


def test_cross_entropy_is_that_of_the_gaussian_as_a_distribution() -> None:
    maps = torch.randn(2, 3, 6, 8)
    points = torch.rand(2, 3, 2) * torch.tensor([5.0, 7.0])
    wanted = gaussian_heatmaps(points, (6, 8), 1.0).flatten(2)
    wanted = wanted / wanted.sum(2, keepdim=True)
    expected = -(wanted * maps.flatten(2).log_softmax(2)).sum(2)
    found = _loss(CrossEntropyHeatmap(sigma=1.0))(maps, points)
    torch.testing.assert_close(found, expected)


def test_squares_are_summed_over_a_map() -> None:
    maps = gaussian_heatmaps(MIDDLE, (6, 8), 1.0)
    maps[0, 0, 0, 0] += 2
    assert _loss(MseHeatmap(sigma=1.0))(maps, MIDDLE).item() == pytest.approx(2.0, abs=1e-3)


def test_a_learned_width_starts_as_set_and_is_learned() -> None:
    loss = _loss(MseHeatmap(sigma=2.0, learned_sigma=True, sigma_weight=0))
    plain = _loss(MseHeatmap(sigma=2.0))
    maps = torch.rand(1, 1, 6, 8)
    torch.testing.assert_close(loss(maps, MIDDLE), plain(maps, MIDDLE))
    loss(maps, MIDDLE).sum().backward()
    (sigma,) = loss.parameters()
    assert sigma.grad is not None
    assert sigma.grad.abs() > 0


def test_only_the_worst_voxels_count_in_bce() -> None:
    maps = torch.full((1, 1, 10, 10), -20.0)
    maps[0, 0, 9, 9] = 3.0  # far away from the landmark
    points = torch.tensor([[[-50.0, -50.0]]])
    found = _loss(BceHeatmap(sigma=1.0, worst_share=0.01))(maps, points)
    assert found.item() == pytest.approx(math.log1p(math.exp(3.0)), rel=1e-4)


def test_adaptive_wing_as_its_paper_says() -> None:
    # wanted 1: power 1.1; near: 14 * ln(1 + 0.25 ** 1.1)
    assert adaptive_wing(torch.tensor(0.75), torch.tensor(1.0)).item() == pytest.approx(
        14 * math.log1p(0.25**1.1), rel=1e-5
    )
    # far: A * 0.8 - C, with A = 14 / (1 + .5 ** 1.1) * 1.1 * .5 ** .1
    slope = 14 / (1 + 0.5**1.1) * 1.1 * 0.5**0.1
    offset = 0.5 * slope - 14 * math.log1p(0.5**1.1)
    assert adaptive_wing(torch.tensor(0.2), torch.tensor(1.0)).item() == pytest.approx(
        slope * 0.8 - offset, rel=1e-5
    )


def test_adaptive_wing_has_no_step_where_its_parts_meet() -> None:
    low, high = adaptive_wing(torch.tensor([0.4999, 0.5001]), torch.zeros(2))
    assert abs(high - low) < 0.01


def test_the_foreground_counts_more_in_adaptive_wing() -> None:
    maps = torch.zeros(1, 1, 6, 8)
    light = _loss(AdaptiveWingHeatmap(foreground_weight=0))(maps, MIDDLE)
    heavy = _loss(AdaptiveWingHeatmap(foreground_weight=10))(maps, MIDDLE)
    assert heavy > 5 * light


def test_heatmaps_may_have_no_loss() -> None:
    assert build_heatmap_loss(NoHeatmap(), 1) is None


def _loss(config: object) -> torch.nn.Module:
    loss = build_heatmap_loss(config, 1)  # type: ignore[arg-type]
    assert loss is not None
    return loss
