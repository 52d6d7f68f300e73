"""Losses of coordinates, against values worked by hand."""

import math

import pytest
import torch

from lightning_modules.configs.landmark_losses import (
    L1Coordinates,
    MseCoordinates,
    NoCoordinates,
    WingCoordinates,
)
from lightning_modules.losses.coordinates import build_coordinate_loss, wing


def test_wing_is_logarithmic_near_and_linear_far() -> None:
    near, far = wing(torch.tensor([-3.0, 25.0]), width=10, curvature=2).tolist()
    assert near == pytest.approx(10 * math.log(1 + 3 / 2))
    assert far == pytest.approx(25 - (10 - 10 * math.log(1 + 10 / 2)))


def test_wing_has_no_step_where_its_parts_meet() -> None:
    low, high = wing(torch.tensor([9.9999, 10.0001])).tolist()
    assert high - low == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize(
    ("config", "expected"), [(L1Coordinates(), [2.0, 3.0]), (MseCoordinates(), [4.0, 9.0])]
)
def test_differences_by_kind(config: L1Coordinates | MseCoordinates, expected: list[float]) -> None:
    loss = build_coordinate_loss(config)
    assert loss is not None
    assert loss(torch.tensor([-2.0, 3.0])).tolist() == expected


def test_the_settings_of_wing_are_used() -> None:
    loss = build_coordinate_loss(WingCoordinates(width=4, curvature=1))
    assert loss is not None
    assert loss(torch.tensor(2.0)).item() == pytest.approx(4 * math.log(3))


def test_coordinates_may_have_no_loss() -> None:
    assert build_coordinate_loss(NoCoordinates()) is None
