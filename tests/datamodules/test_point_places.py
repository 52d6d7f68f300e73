import nibabel
import numpy as np
import pytest

from datamodules.candidates import VolumeCandidate
from datamodules.cases import Case, Source
from datamodules.errors import DataError
from datamodules.point_places import placed_points, point_axes, readings_of

FLAT = np.eye(4)
OBLIQUE = nibabel.affines.from_matvec(
    np.array([[0.0, -0.8, 0.2], [1.1, 0.0, 0.0], [0.0, 0.3, 2.5]]), [12.0, -40.0, 7.0]
)


def case_with(**targets: object) -> Case:
    return Case("a", "a", {"image": Source("a.png")}, targets)


def test_published_index_of_a_pixel_means_its_middle() -> None:
    points = {"sella": (0.0, 0.0), "nasion": (9, 4.25), "porion": None}
    placed = placed_points(case_with(points=points), FLAT, (20, 10))
    assert placed == {"sella": (0.5, 0.5), "nasion": (4.75, 9.5), "porion": None}


def test_points_counted_in_a_smaller_picture_are_scaled_from_edge_to_edge() -> None:
    case = case_with(points={"first": (0, 0), "last": (99, 49)}, points_extent=(100, 50))
    placed = placed_points(case, FLAT, (100, 200))
    assert placed == {"first": (1.0, 1.0), "last": (99.0, 199.0)}


def test_voxel_of_a_volume_means_its_middle() -> None:
    case = case_with(volume_points={"ac": VolumeCandidate("voxel", (3, 4.5, 0)), "pc": None})
    assert placed_points(case, OBLIQUE, (8, 9, 10)) == {"ac": (3.5, 5.0, 0.5), "pc": None}


@pytest.mark.parametrize(("space", "signs"), [("ras-mm", (1, 1, 1)), ("lps-mm", (-1, -1, 1))])
def test_mm_are_those_of_nibabel(space: str, signs: tuple[int, int, int]) -> None:
    world = nibabel.affines.apply_affine(OBLIQUE, [2.0, 5.0, 6.5]) * signs
    case = case_with(volume_points={"ac": VolumeCandidate(space, tuple(world))})  # type: ignore[arg-type]
    placed = placed_points(case, OBLIQUE, (8, 9, 10))["ac"]
    assert placed == pytest.approx((2.5, 5.5, 7.0))


def test_readings_are_placed_like_the_points() -> None:
    readings = {"senior": {"sella": (1, 2)}, "second": {"sella": None}}
    case = case_with(points={"sella": (0, 0)}, readings=readings, points_extent=(10, 10))
    found = readings_of(case, FLAT, (20, 20))
    assert found == {"senior": {"sella": (5.0, 3.0)}, "second": {"sella": None}}


def test_what_is_not_a_number_is_not_marked() -> None:
    case = case_with(points={"sella": (float("nan"), 3)})
    assert placed_points(case, FLAT, (20, 10)) == {"sella": None}


def test_points_of_an_image_do_not_fit_a_volume() -> None:
    with pytest.raises(DataError, match="its landmarks have 2 axes, and the image has 3"):
        placed_points(case_with(points={"sella": (0, 0)}), FLAT, (8, 9, 10))
    place = VolumeCandidate("voxel", (0, 0, 0))
    with pytest.raises(DataError, match="its landmarks have 3 axes, and the image has 2"):
        placed_points(case_with(volume_points={"ac": place}), FLAT, (8, 9))


def test_axes_are_those_of_the_points() -> None:
    cases = [case_with(points={}), case_with(volume_points={}), case_with()]
    assert [point_axes(case) for case in cases] == [2, 3, None]
