from math import prod

import numpy as np
import pytest

from datamodules.configs.volumes import CroppedFit, PatchesFit, ResizedFit, VolumesConfig
from datamodules.errors import ConfigError
from datamodules.readers.csv_table import CsvReader
from datamodules.volume_statistics import CaseStatistics, VolumeStatistics
from experiments.planned_fit import FitPlan, plan_fit, rounded_up


def case(shape, spacing=(1.0, 1.0, 1.0), has_spacing=True) -> CaseStatistics:
    foreground = np.arange(5, dtype=np.float32)
    return CaseStatistics(shape, shape, spacing, has_spacing, 1, 0.0, 9.0, foreground)


def statistics(*cases) -> VolumeStatistics:
    return VolumeStatistics("fake", cases)


class Voxels:
    """Room for so many voxels a step."""

    def __init__(self, most: float) -> None:
        self.most = most

    def fits(self, size, images) -> bool:
        return prod(size) * images <= self.most


HEADS = statistics(*(case((150 + n, 170, 130)) for n in range(21)))
CT = statistics(*[case((512, 512, 300), (0.75, 0.75, 1.0))] * 5)
SLICES = statistics(*[case((320, 320, 20), (0.6, 0.6, 5.0))] * 5)


def planned(found, most=np.inf, fit=None, candidates=False) -> FitPlan:
    data = VolumesConfig(reader=CsvReader(), fit=fit or ResizedFit())
    return plan_fit(found, data, Voxels(most), candidates=candidates)


@pytest.mark.parametrize(
    ("sides", "rounded"),
    [
        ((1, 16, 17), (16, 16, 24)),
        ((64, 64.5, 65), (64, 80, 80)),
        ((96, 97, 160.05), (96, 112, 176)),
    ],
)
def test_sides_are_rounded_up_to_what_networks_halve(sides, rounded):
    assert rounded_up(sides) == rounded


def test_crop_shows_95_percent_of_the_cases_whole():
    plan = planned(HEADS)
    assert plan.fit == CroppedFit(size=(176, 176, 144))
    assert plan.spacing == plan.finest == (1.0, 1.0, 1.0)
    assert plan.covered == (169, 170, 130)


def test_shapes_are_those_at_the_common_spacing():
    found = statistics(case((100, 100, 100)), case((100, 100, 100)), case((60, 60, 60), (2.0,) * 3))
    assert planned(found).covered == pytest.approx((118, 118, 118))


def test_two_volumes_must_fit():
    size = 176 * 176 * 144
    assert planned(HEADS, 2 * size).fit.size == (176, 176, 144)
    assert planned(HEADS, 2 * size - 1).fit.size != (176, 176, 144)


def test_what_does_not_fit_is_seen_whole_at_the_finest_spacing_that_does():
    half = 2 * 176 * 176 * 144 / 2
    plan = planned(HEADS, half)
    assert plan.fit.kind == "crop"
    assert 1.2 < plan.spacing[0] < 1.4  # an eighth more than the third root of two
    assert prod(plan.fit.size) * 2 <= half
    assert plan.asked == (176, 176, 144)
    assert max(plan.covered) <= max(plan.fit.size)


def test_thick_slices_stay_while_their_plane_becomes_coarser():
    plan = planned(SLICES, 2 * 256 * 256 * 24)
    assert plan.thick == 2
    assert plan.spacing[2] == 5.0
    assert plan.spacing[0] > 0.7


def test_spacing_is_never_more_than_twice_as_coarse():
    least = 2 * prod(rounded_up((512 / 1.97, 512 / 1.97, 300 / 1.97)))
    assert planned(CT, least).fit.kind == "crop"
    assert planned(CT, least / 2).fit.kind == "patches"


def test_patches_have_full_resolution_and_are_the_largest_that_fit():
    plan = planned(CT, 8 * 128**3)
    assert plan.fit == PatchesFit(size=plan.fit.size, foreground="otsu")
    assert plan.spacing == (0.75, 0.75, 1.0)
    assert 0.8 * 128**3 < prod(plan.fit.size) <= 128**3
    assert plan.images_a_volume == 4


def test_patches_have_the_proportions_of_the_cases():
    shares = np.array(planned(CT, 8 * 128**3).fit.size) / (512, 512, 300)
    assert shares.max() < 1.2 * shares.min()


def test_settings_of_patches_stay():
    given = PatchesFit(per_volume=2, overlap=0.5, foreground="nonzero")
    plan = planned(CT, 8 * 128**3, fit=given)
    assert plan.fit == given.replace(size=plan.fit.size)
    assert prod(plan.fit.size) > 128**3


def test_patches_that_were_set_become_a_crop_where_volumes_fit():
    assert planned(HEADS, fit=PatchesFit()).fit.kind == "crop"


def test_one_small_shape_is_kept():
    plan = planned(statistics(*[case((28, 28, 28))] * 3))
    assert (plan.fit, plan.spacing) == (ResizedFit(size=(28, 28, 28)), None)
    assert planned(statistics(*[case((28, 28, 10))] * 3)).fit.size == (28, 28, 16)


def test_one_shape_of_different_spacings_is_resampled():
    found = statistics(case((60, 60, 60)), case((60, 60, 60)), case((60, 60, 60), (0.5,) * 3))
    assert planned(found).fit.kind == "crop"


def test_one_large_shape_is_cropped():
    assert planned(statistics(*[case((96, 96, 96))] * 3)).fit == CroppedFit(size=(96, 96, 96))


def test_volumes_without_a_spacing_are_stretched_to_the_median_shape():
    sizes = ((80, 100, 40), (90, 100, 40), (200, 100, 40))
    plan = planned(statistics(*(case(size, has_spacing=False) for size in sizes)))
    assert (plan.fit, plan.spacing) == (ResizedFit(size=(96, 112, 40)), None)


def test_a_single_file_without_a_spacing_leaves_no_common_one():
    found = statistics(case((90, 90, 90)), case((90, 90, 90), has_spacing=False))
    assert planned(found).fit.kind == "resize"


def test_stretched_volumes_shrink_in_proportion_until_they_fit():
    found = statistics(case((160, 160, 80), has_spacing=False))
    size = planned(found, 2 * 160 * 160 * 80 / 8).fit.size
    assert size == (80, 80, 40)


def test_candidates_keep_their_size():
    plan = planned(CT, fit=ResizedFit(size=(40, 40, 40)), candidates=True)
    assert (plan.fit, plan.spacing) == (ResizedFit(size=(40, 40, 40)), None)
    smaller = planned(CT, 2 * 32**3, ResizedFit(size=(40, 40, 40)), candidates=True)
    assert smaller.fit.size == (32, 32, 32)


def test_rounded_numbers_of_headers_become_a_readable_spacing():
    found = statistics(*[case((100, 100, 100), (0.99999998, 1.0000000054941134, 1.2))] * 3)
    assert planned(found).spacing == (1.0, 1.0, 1.2)


@pytest.mark.parametrize("found", [CT, statistics(case((90, 90, 90), has_spacing=False))])
def test_memory_that_holds_nothing_is_refused(found):
    with pytest.raises(ConfigError, match=r"--memory-gb is too little.*16 x 16 x 16"):
        planned(found, 100)
