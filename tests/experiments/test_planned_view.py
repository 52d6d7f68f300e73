from dataclasses import dataclass
from math import prod

import pytest
from fakes.boxed_statistics import statistics

from datamodules.errors import ConfigError
from experiments.planned_view import plan_view


@dataclass
class Voxels:
    """So many voxels fit in memory."""

    most: int
    by: int = 32

    def divisor(self, sizes, whole):
        return self.by

    def fits(self, sizes, whole, patch, images):
        return images * prod(patch) <= self.most


def test_images_that_fit_are_seen_whole_at_their_own_pixels():
    view = plan_view(statistics((500, 700), [(40, 40)]), Voxels(2 * 512 * 704))
    assert (view.patch, view.spacing, view.windows) == ((512, 704), (1.0, 1.0), False)


def test_large_images_of_large_objects_are_made_smaller():
    found = statistics((2000, 2000), [(200, 200)])
    view = plan_view(found, Voxels(2 * 640 * 640))
    assert not view.windows
    assert max(view.patch) <= 640
    assert view.spacing[0] == pytest.approx(2000 / 640, rel=0.06)
    assert view.small == pytest.approx(200 / view.spacing[0], rel=0.01)


def test_large_images_of_small_objects_are_seen_in_windows_at_their_own_pixels():
    view = plan_view(statistics((2000, 3000), [(10, 10), (30, 30)]), Voxels(2 * 640 * 640))
    assert view.windows
    assert view.spacing == (1.0, 1.0)
    assert 2 * prod(view.patch) <= 2 * 640 * 640 < 2 * prod(side + 32 for side in view.patch)
    assert view.overlap == 0.25


def test_small_objects_have_four_voxels_at_least():
    view = plan_view(statistics((100, 100), [(2, 2), (8, 8)]), Voxels(10**9))
    assert view.spacing == (0.5, 0.5)
    assert view.small == pytest.approx(4, rel=0.2)
    assert min(map(min, view.sizes)) == 4
    assert view.patch == (224, 224)


def test_windows_hold_large_objects_if_small_ones_allow_it():
    """At 1 pixel windows of 256 would cut objects of 400; at 1.6 they hold them."""
    found = statistics((4000, 4000), [(8, 8)] + [(400, 400)] * 9)
    view = plan_view(found, Voxels(2 * 256 * 256))
    assert view.windows
    assert max(view.large) <= min(view.patch)
    assert view.spacing[0] == pytest.approx(400 / 256, rel=0.06)
    assert view.overlap == 0.5


def test_windows_overlap_by_what_large_objects_need():
    view = plan_view(statistics((2000, 2000), [(10, 10), (190, 190)]), Voxels(2 * 640 * 640))
    assert view.windows
    assert view.overlap == pytest.approx(0.3)


def test_volumes_get_the_spacing_of_nnunet_and_windows():
    found = statistics((400, 400, 100), [(12, 12, 5)], spacing=(0.7, 0.7, 2.5))
    view = plan_view(found, Voxels(2 * 96**3, by=16))
    assert view.spacing == (0.7, 0.7, 2.5)
    assert view.thick == 2
    assert view.windows
    assert all(side % 16 == 0 for side in view.patch)


def test_thick_slices_of_large_objects_are_made_coarser_in_the_plane_first():
    found = statistics((512, 512, 50), [(80, 80, 10)], spacing=(0.5, 0.5, 3.0))
    view = plan_view(found, Voxels(2 * 256 * 256 * 64, by=16))
    assert not view.windows
    assert view.spacing[2] == 3.0
    assert view.spacing[0] == pytest.approx(1.0, rel=0.06)


def test_too_little_memory_is_said():
    with pytest.raises(ConfigError, match=r"--memory-gb is too little: .* 32 x 32 voxels"):
        plan_view(statistics((500, 500), [(40, 40)]), Voxels(1000))
