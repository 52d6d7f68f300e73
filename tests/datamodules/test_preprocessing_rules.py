import numpy as np
import pytest

from datamodules.configs.volume_preprocessing import CtWindow, RescaleRange, Rgb, ZScore
from datamodules.errors import DataError
from datamodules.preprocessing_rules import plan_normalisation, target_spacing
from datamodules.volume_statistics import CaseStatistics, VolumeStatistics


def cases(n=3, **changed) -> VolumeStatistics:
    values = {
        "shape": (100, 100, 10),
        "cropped": (100, 100, 10),
        "spacing": (1.0, 1.0, 1.0),
        "has_spacing": True,
        "channels": 1,
        "lowest": 0.0,
        "highest": 255.0,
        "foreground": np.arange(1001, dtype=np.float32),
        **changed,
    }
    return VolumeStatistics("fake", (CaseStatistics(**values),) * n)


def spacing_of(*spacings, shape=(320, 320, 15)):
    return target_spacing(np.array(spacings, float), np.array([shape] * len(spacings)))


def test_spacing_is_the_median_of_each_axis():
    assert spacing_of((1, 2, 3), (2, 2, 3), (7, 2, 2)) == ((2, 2, 3), None)


def test_thick_slices_take_the_tenth_percentile():
    slices = [10.0] * 8 + [5.0] * 3  # as in ACDC
    found, axis = spacing_of(*((1.5, 1.5, thickness) for thickness in slices))
    assert (found, axis) == ((1.5, 1.5, 5.0), 2)


def test_thick_slices_never_become_finer_than_the_other_axes():
    slices = [6.0] * 5 + [0.5] * 4
    found, _ = spacing_of(*((1.5, 1.5, thickness) for thickness in slices))
    assert found == (1.5, 1.5, 1.5 + 1e-5)


@pytest.mark.parametrize(
    ("spacing", "shape"),
    [
        ((1.0, 1.0, 3.0), (320, 320, 15)),  # exactly three times as thick
        ((1.0, 1.0, 5.0), (320, 320, 107)),  # more than a third as many
    ],
)
def test_slices_that_are_not_so_thick_keep_the_median(spacing, shape):
    thin = (*spacing[:2], 1.0)
    assert spacing_of(spacing, spacing, thin, shape=shape) == (spacing, None)


def test_images_have_no_slices():
    assert target_spacing(np.array([[1, 9.0]] * 9 + [[1, 1.0]]), np.array([[900, 9]] * 10)) == (
        (1, 9),
        None,
    )


def test_ct_is_clipped_to_what_structures_have():
    planned = plan_normalisation(cases(lowest=-1024.0), ZScore())
    assert planned == CtWindow(low=5, high=995, mean=500, std=np.arange(1001).std())


def test_other_images_are_standardised():
    assert plan_normalisation(cases(), ZScore()) == ZScore()
    assert plan_normalisation(cases(lowest=-300.0), ZScore()) == ZScore()


def test_several_channels_are_not_taken_for_ct():
    assert plan_normalisation(cases(lowest=-1024.0, channels=2), ZScore()) == ZScore()


def test_ct_that_is_asked_for_is_measured():
    assert plan_normalisation(cases(), CtWindow()).low == 5


def test_what_cropping_leaves_decides_whether_zeros_count():
    three_quarters, less = (75, 100, 10), (74, 100, 10)
    assert not plan_normalisation(cases(cropped=three_quarters), ZScore()).over_nonzero
    assert plan_normalisation(cases(cropped=less), ZScore()).over_nonzero
    assert not plan_normalisation(cases(), ZScore(over_nonzero=True)).over_nonzero


@pytest.mark.parametrize("given", [Rgb(), RescaleRange()])
def test_another_kind_stays_as_asked(given):
    assert plan_normalisation(cases(lowest=-1024.0), given) == given


def test_foreground_of_one_intensity_has_no_window():
    flat = cases(foreground=np.full(9, 40, np.float32))
    with pytest.raises(DataError, match="within the foreground every voxel is 40"):
        plan_normalisation(flat, CtWindow())


def test_without_any_foreground_there_is_no_window():
    empty = cases(lowest=-1024.0, foreground=np.empty(0, np.float32))
    with pytest.raises(DataError, match="there is no foreground: no CT window"):
        plan_normalisation(empty, ZScore())
