import json

import cv2
import numpy as np
import pytest

from experiments.slide_geojson import outline_tiles, strongest, write_geojson

CORNERS = np.array([(0, 0), (256, 0), (512, 256)])
VALUES = np.array([0.05, 0.5, 1.0])


def written(path, *args, **kwargs):
    write_geojson(path, *args, **kwargs)
    return json.loads(path.read_text("utf-8"))["features"]


def of_type(features, kind):
    return [each for each in features if each["properties"]["objectType"] == kind]


def area(rings):
    outer, *holes = (cv2.contourArea(np.asarray(ring, np.float32)) for ring in rings)
    return outer - sum(holes)


def grid(rows):
    """Corners of tiles of 100 pixels where a picture has an x."""
    return np.array(
        [(100 * x, 100 * y) for y, r in enumerate(rows) for x, c in enumerate(r) if c == "x"]
    )


def points(ring):
    return {tuple(point) for point in np.asarray(ring).tolist()}


def test_each_tile_is_a_closed_square_with_its_measurement(tmp_path):
    tiles = of_type(written(tmp_path / "a.geojson", CORNERS, 256, VALUES, "attention"), "tile")
    (ring,) = tiles[1]["geometry"]["coordinates"]
    assert ring == [[256, 0], [512, 0], [512, 256], [256, 256], [256, 0]]
    assert [tile["properties"]["measurements"] for tile in tiles] == [
        {"attention": 0.05},
        {"attention": 0.5},
        {"attention": 1.0},
    ]


def test_classes_of_values_have_a_colour_each(tmp_path):
    tiles = of_type(written(tmp_path / "a.geojson", CORNERS, 256, VALUES, "attention"), "tile")
    classes = [tile["properties"]["classification"] for tile in tiles]
    names = [each["name"] for each in classes]
    assert names == ["attention 0.0-0.2", "attention 0.4-0.6", "attention 0.8-1.0"]
    assert len({tuple(each["color"]) for each in classes}) == 3
    assert all(0 <= part <= 255 for each in classes for part in each["color"])


def test_the_strongest_tiles_are_outlined_together(tmp_path):
    rng = np.random.default_rng(0)
    corners = np.stack(np.meshgrid(np.arange(10), np.arange(10)), -1).reshape(-1, 2) * 256
    values = 0.5 * rng.random(100)
    values[[44, 45, 54, 55]] = 0.9
    values[99] = 0.8
    features = written(tmp_path / "a.geojson", corners, 256, values, "attention")
    outlines = of_type(features, "annotation")
    assert {each["properties"]["classification"]["name"] for each in outlines} == {
        "attention: strongest"
    }
    areas = sorted(area(each["geometry"]["coordinates"]) for each in outlines)
    assert areas == [256**2, 4 * 256**2]


def test_names_and_sides_of_any_kind_can_be_written(tmp_path):
    name = 'a "name" \\ \N{GREEK SMALL LETTER MU}'
    tiles = of_type(written(tmp_path / "a.geojson", CORNERS, 255.37, VALUES, name), "tile")
    assert set(tiles[0]["properties"]["measurements"]) == {name}
    assert tiles[0]["geometry"]["coordinates"][0][2] == [255.37, 255.37]


def test_pixels_of_the_largest_slides_are_not_rounded(tmp_path):
    corners = np.array([(1_234_567, 7_654_321)])
    (tile,) = written(tmp_path / "a.geojson", corners, 256, np.ones(1), "attention")
    assert tile["geometry"]["coordinates"][0][0] == [1_234_567, 7_654_321]


def test_values_that_are_no_numbers_or_too_few_are_refused(tmp_path):
    for values in (np.array([0, 1, np.nan]), np.ones(2)):
        with pytest.raises(ValueError, match="one finite value"):
            write_geojson(tmp_path / "a.geojson", CORNERS, 256, values, "attention")
    assert not list(tmp_path.iterdir())


def test_no_tiles_make_an_empty_collection(tmp_path):
    assert written(tmp_path / "a.geojson", np.empty((0, 2), int), 256, np.empty(0), "a") == []


def test_a_hundred_thousand_tiles_fit_into_30_megabytes(tmp_path):
    corners = np.stack(np.meshgrid(np.arange(400), np.arange(250)), -1).reshape(-1, 2) * 512
    path = tmp_path / "a.geojson"
    write_geojson(path, corners, 512, np.random.default_rng(0).random(100_000), "attention")
    assert path.stat().st_size < 35e6


def test_tiles_in_an_l_have_one_outline_with_its_six_corners():
    ((ring,),) = outline_tiles(grid(["xx", "x."]), 100)
    assert points(ring) == {(0, 0), (200, 0), (200, 100), (100, 100), (100, 200), (0, 200)}


def test_a_gap_in_the_middle_is_a_hole():
    ((outer, hole),) = outline_tiles(grid(["xxx", "x.x", "xxx"]), 100)
    assert points(outer) == {(0, 0), (300, 0), (300, 300), (0, 300)}
    assert points(hole) == {(100, 100), (200, 100), (200, 200), (100, 200)}


@pytest.mark.parametrize(
    "rows", [["x.", ".x"], [".x", "x."], ["xx.", "x.x", "xxx"], ["x.x", ".x."]]
)
def test_no_ring_comes_to_a_point_twice(rows):
    for rings in outline_tiles(grid(rows), 100):
        for ring in rings:
            assert len(points(ring)) == len(ring)


def test_tiles_apart_have_outlines_apart():
    assert len(outline_tiles(grid(["x.x", "...", "x.x"]), 100)) == 4


def test_the_outline_of_overlapping_tiles_covers_them():
    (rings,) = outline_tiles(np.array([(0, 0), (50, 0), (100, 0)]), 100)
    assert area(rings) == 200 * 100


def test_random_tiles_cover_as_much_as_their_outlines():
    rng = np.random.default_rng(1)
    chosen = rng.random((30, 40)) < 0.6
    corners = np.argwhere(chosen)[:, ::-1] * 64
    total = sum(area(rings) for rings in outline_tiles(corners, 64))
    assert total == pytest.approx(chosen.sum() * 64**2, rel=0.01)


def test_a_twentieth_is_strongest_and_none_where_all_are_alike():
    assert strongest(np.arange(100) / 100).sum() == 5
    assert not strongest(np.full(100, 0.3)).any()
