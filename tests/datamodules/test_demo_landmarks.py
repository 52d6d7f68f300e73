import csv
import hashlib
from collections import defaultdict
from functools import partial

import cv2
import numpy as np
import pytest

from datamodules.demos import landmarks
from datamodules.demos.chest_landmarks import LANDMARKS, chest_landmarks
from datamodules.demos.drawing import CANVAS, FILM, ellipse, polygon, to_pixels
from datamodules.demos.landmarks import draw_demo, draw_film
from datamodules.demos.mediastinum import great_vessels, heart
from datamodules.demos.radiograph import draw_pose, find_places, place
from datamodules.demos.thorax import abdomen, lungs
from datamodules.demos.xray import invent_thorax
from datamodules.readers.demo import DemoReader


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A quarter of the demo: its folder and the rows of its table."""
    folder = tmp_path_factory.mktemp("demo") / "landmarks"
    draw_demo(folder, patients=40)
    with (folder / "points.csv").open(newline="") as file:
        return folder, list(csv.DictReader(file))


@pytest.fixture
def thorax():
    return invent_thorax(50, False, 0.35, np.random.default_rng(1))


def digest(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def places(row):
    cells = [[row[f"{name}_x"], row[f"{name}_y"]] for name in LANDMARKS]
    return np.array([[float(cell or "nan") for cell in own] for own in cells])


def across(row, name):
    return float(row[f"left_{name}_x"] or "nan") - float(row[f"right_{name}_x"] or "nan")


def edge(layer, point, along):
    """How far from a point the edge of a shape is in a direction, in pixels of the canvas."""
    steps = np.linspace(-6, 6, 241)
    x, y = (to_pixels(point)[:, None] + np.outer(along, steps)).astype(np.float32)
    profile = cv2.remap(layer, x[None], y[None], cv2.INTER_LINEAR)[0]
    middle = (profile.max() + profile.min()) / 2
    return float(steps[np.abs(profile - middle).argmin()])


def test_the_same_bytes_are_drawn_every_time(tmp_path):
    draw_demo(tmp_path / "a", patients=4)
    draw_demo(tmp_path / "b", patients=4)
    assert digest(tmp_path / "a") == digest(tmp_path / "b")


def test_some_patients_have_two_films_and_none_is_on_two_sides(demo):
    sides, films = defaultdict(set), defaultdict(int)
    for row in demo[1]:
        sides[row["patient"]].add(row["split"])
        films[row["patient"]] += 1
    assert all(len(own) == 1 for own in sides.values())
    assert set(films.values()) == {1, 2}
    assert sum(own == {"test"} for own in sides.values()) == 12
    assert len(films) == 40


def test_films_are_8_bit_256_px_and_well_exposed(demo):
    folder, rows = demo
    for row in rows[::5]:
        pixels = cv2.imread(str(folder / row["image"]), cv2.IMREAD_UNCHANGED)
        assert (pixels.shape, pixels.dtype) == ((FILM, FILM), np.uint8)
        assert np.percentile(pixels, 95) - np.percentile(pixels, 20) > 60


def test_right_of_the_patient_is_left_on_the_film_and_apex_is_above_the_angle(demo):
    for row in demo[1]:
        for name in ("apex", "heart_border", "dome"):
            assert not across(row, name) < 40
        high, low = (row[f"right_{name}_y"] for name in ("apex", "costophrenic_angle"))
        assert not (high and low) or float(low) - float(high) > 120


def test_few_landmarks_are_not_marked_and_those_of_both_sides_are(demo):
    missing = np.array([np.isnan(places(row)).any(axis=1) for row in demo[1]])
    assert 0 < missing.mean() < 0.1
    assert not missing[:, [LANDMARKS.index(name) for name in ("carina", "aortic_knob")]].any()


def test_the_cardiothoracic_ratio_tells_small_hearts_from_large_ones(demo):
    ratios = np.array([across(row, "heart_border") / across(row, "chest_wall") for row in demo[1]])
    known = ratios[np.isfinite(ratios)]
    assert len(known) > 0.75 * len(ratios)
    assert 0.2 < np.mean(known > 0.5) < 0.8
    assert 0.35 < known.min() < 0.45
    assert 0.55 < known.max() < 0.7


def test_the_demo_is_read_with_its_patients_sides_and_landmarks(tmp_path, monkeypatch):
    monkeypatch.setenv("LIGHTBOX_CACHE", str(tmp_path))
    monkeypatch.setattr(landmarks, "draw_demo", partial(draw_demo, patients=12))
    table = DemoReader(name="landmarks").read()
    assert table.points == LANDMARKS
    assert table.public
    assert table.has_patients
    assert {case.split for case in table.cases} == {"train_val", "test"}
    with (table.root / "points.csv").open(newline="") as file:
        truths = [places(row) for row in csv.DictReader(file)]
    for case, truth in zip(table.cases, truths, strict=True):
        points = case.targets["points"]
        found = [points.get(name) or (np.nan, np.nan) for name in LANDMARKS]
        np.testing.assert_array_equal(np.array(found, float), truth)


def test_places_on_the_film_are_where_the_pose_puts_them():
    rng = np.random.default_rng(5)
    for _ in range(5):
        pose = draw_pose(rng)
        points = rng.uniform(-0.6, 0.6, (4, 2))
        for point, found in zip(points, find_places(points, pose), strict=True):
            dot = place(polygon(ellipse(*point, 0.02, 0.02), blur=1.0), pose)
            rows, columns = np.mgrid[:FILM, :FILM]
            middle = np.array([(dot * columns).sum(), (dot * rows).sum()]) / dot.sum()
            shown = polygon(ellipse(*point, 0.02, 0.02), blur=1.0)
            y, x = np.mgrid[:CANVAS, :CANVAS]
            drawn = np.array([(shown * x).sum(), (shown * y).sum()]) / shown.sum()
            off = np.abs(drawn - to_pixels(point)).max()  # whole pixels, as OpenCV fills
            assert np.abs(middle - found).max() < off + 0.15


def test_maps_say_the_same_at_the_place_that_was_found():
    rng = np.random.default_rng(6)
    pose = draw_pose(rng)
    points = rng.uniform(-0.7, 0.7, (50, 2))
    x, y = find_places(points, pose).T.astype(np.float32)
    back = [cv2.remap(each, x[None], y[None], cv2.INTER_LINEAR)[0] for each in pose]
    np.testing.assert_allclose(np.column_stack(back), to_pixels(points), atol=0.05)


def test_what_lies_beside_the_film_has_no_place():
    pose = draw_pose(np.random.default_rng(7), (1.2, 1.2))
    found = find_places(np.array([(0.0, 0.0), (1.2, 0.0), (0.0, -1.2)]), pose)
    assert np.isnan(found).all(axis=1).tolist() == [False, True, True]


@pytest.mark.parametrize("seed", range(6))
def test_landmarks_lie_on_the_edges_of_what_is_drawn(seed):
    thorax = invent_thorax(60, False, 0.35, np.random.default_rng(seed))
    points = chest_landmarks(thorax, False, 0.0)
    organs = heart(thorax, 1.0)
    base = lungs(thorax) + abdomen(thorax, np.random.default_rng(3))  # without gas in the stomach
    right, up = (1.0, 0.0), (0.0, -1.0)
    assert abs(edge(organs, points["left_heart_border"], right)) < 0.5
    assert abs(edge(organs, points["right_heart_border"], right)) < 0.5
    assert abs(edge(great_vessels(thorax), points["aortic_knob"], right)) < 0.6
    for side in ("right", "left"):
        assert abs(edge(lungs(thorax), points[f"{side}_chest_wall"], right)) < 0.6
        assert abs(edge(lungs(thorax), points[f"{side}_apex"], up)) < 1
        assert abs(edge(base, points[f"{side}_dome"], up)) < 0.8


def test_the_heart_is_widest_at_its_borders(thorax):
    points = chest_landmarks(thorax, True, 0.0)
    columns = np.nonzero((heart(thorax, 1.12) > 0.5).any(axis=0))[0]
    found = [to_pixels(points[f"{side}_heart_border"])[0] for side in ("right", "left")]
    np.testing.assert_allclose(found, [columns.min() - 0.5, columns.max() + 0.5], atol=1)


def test_the_costophrenic_angle_is_the_lowest_tip_of_the_lung(thorax):
    points = chest_landmarks(thorax, False, 0.0)
    for side, name in ((-1, "right"), (1, "left")):
        outline = thorax.lungs[side]
        tip = outline[outline[:, 1].argmax()]
        assert np.abs(points[f"{name}_costophrenic_angle"] - tip).max() < 0.02


def test_carina_goes_with_the_windpipe(thorax):
    one, other = (chest_landmarks(thorax, False, bend)["carina"] for bend in (0.0, 0.01))
    np.testing.assert_allclose(other - one, (0.01, 0), atol=1e-9)


def test_fluid_hides_the_wall_and_the_angle_of_its_side_only(thorax, monkeypatch):
    monkeypatch.setattr(landmarks, "draw_pose", lambda rng, zooms: draw_pose(rng, (0.95, 0.95)))
    seen = defaultdict(int)
    for seed in range(60):
        _, found = draw_film(thorax, False, np.random.default_rng(seed))
        seen[tuple(np.array(LANDMARKS)[np.isnan(found[:, 0])])] += 1
    for side in ("right", "left"):
        assert seen[f"{side}_chest_wall", f"{side}_costophrenic_angle"] > 0
    assert seen[()] > 30
