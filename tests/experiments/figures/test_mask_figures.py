from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from experiments.figures.mask_overlays import (
    OverlaidCase,
    mask_overlays,
    planes_of,
    worst_median_best,
)
from experiments.figures.mask_results import dice_distribution, size_agreement
from lightning_modules.metrics.mask_units import MaskUnits
from lightning_modules.metrics.volume_agreement import VolumeAgreement


def case(*shape: int, channels: int = 1) -> OverlaidCase:
    image = np.random.default_rng(0).normal(size=(channels, *shape)).astype(np.float32)
    mask = np.zeros((1, *shape), np.uint8)
    mask[(0, *(slice(2, 5) for _ in shape))] = 1
    return OverlaidCase("a case", image, mask, mask, (1.0, 1.0, 2.5)[: len(shape)])


def pixels(figure: Figure) -> np.ndarray:
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())


@pytest.mark.parametrize("shown", [case(12, 10, 8), case(20, 16), case(20, 16, channels=3)])
def test_masks_are_drawn_over_volumes_and_images(shown):
    drawn = pixels(mask_overlays([shown] * 2, ["organ"]))
    assert drawn.std() > 20


@pytest.mark.parametrize(("known", "said"), [(True, 3), (False, 1)])
def test_legend_tells_truth_from_prediction_where_there_is_a_truth(known, said):
    shown = case(20, 16)
    truth = shown.truth if known else np.zeros_like(shown.truth)
    figure = mask_overlays([replace(shown, truth=truth)], ["organ"])
    assert len(figure.legends[0].get_texts()) == said


def test_patients_right_is_at_the_left_and_front_is_up():
    shown = case(12, 10, 8)
    shown.image[0] = 0
    shown.image[0, 11, 9, :] = 1  # rightmost, foremost
    axial = next(iter(planes_of(shown, 1)))
    assert axial.name.startswith("axial")
    assert np.argwhere(axial.image[..., 0] == 1).tolist() == [[0, 0]]


def test_plane_with_most_of_the_structures_is_shown():
    shown = case(12, 10, 8)
    shown.predicted[0, :, :, 6] = 1
    axial = next(iter(planes_of(shown, 1)))
    assert axial.name == "axial 7"


def test_case_without_any_structure_is_shown_in_its_middle():
    shown = case(12, 10, 8)
    shown.predicted[:] = 0
    assert [plane.name for plane in planes_of(shown, 1)] == ["axial 5", "coronal 6", "sagittal 7"]


def test_worst_median_and_best_are_chosen_by_dice():
    dice = {"c": 0.9, "a": 0.2, "b": 0.5, "d": 0.7, "e": 0.95}
    assert worst_median_best(dice) == [("worst", "a"), ("median", "d"), ("best", "e")]
    assert worst_median_best({"x": 0.1}) == [("case", "x")]


def test_each_case_has_a_dot_and_what_is_undefined_has_none():
    values = {"liver": np.array([0.9, np.nan, 0.7]), "tumour": np.full(3, np.nan)}
    figure = dice_distribution(values)
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_yticklabels()] == [
        "liver (n = 2)",
        "tumour (n = 0)",
    ]
    assert len(axes.lines[0].get_xdata()) == 2


def test_limits_of_agreement_are_drawn():
    found = VolumeAgreement((1.0, 2.0), (1.5, 2.1), bias=0.3, low=-0.3, high=0.9, left_out=0)
    figure = size_agreement({"liver": found, "tumour": None}, MaskUnits())
    heights = {float(line.get_ydata()[0]) for line in figure.axes[0].lines[1:]}
    assert {0.3, -0.3, 0.9} <= heights
    assert figure.axes[1].texts[0].get_text() == "too few cases"
