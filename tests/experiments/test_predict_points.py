"""A trained landmarker on files of its own: tables, measures, markups of 3D Slicer, failures."""

import csv
import json
import shutil

import numpy as np
import pytest
from fakes.marked_spots import NAMES, SIZE, draw_spots, landmark_experiment, spots_of
from fakes.mask_files import write_image

from experiments.point_predictor import PointPredictor
from experiments.predict import main
from experiments.session import start

SPACED = ("--pixel-spacing-mm", "0.5")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("spots")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIGHTBOX_CACHE", str(root / "cache"))
        patch.setenv("LIGHTBOX_RUNS", str(root / "runs"))
        return start(landmark_experiment(root / "data", epochs=12)).path


@pytest.fixture
def picture(tmp_path):
    (tmp_path / "in").mkdir()
    write_image(tmp_path / "in" / "a.png", draw_spots(70))
    return tmp_path / "in" / "a.png"


def predict(run, *places, output, words=SPACED):
    return main([str(run), *map(str, places), "--output", str(output), *words])


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def places(folder, file="a"):
    found = [row for row in rows(folder / "points.csv") if row["file"] == file]
    assert [row["point"] for row in found] == list(NAMES)
    return np.array([[float(row["x"]), float(row["y"])] for row in found])


def control_points(path):
    (markup,) = json.loads(path.read_text())["markups"]
    assert (markup["type"], markup["coordinateSystem"]) == ("Fiducial", "LPS")
    return markup["controlPoints"]


def test_points_are_in_pixels_as_the_tables_of_datasets_have_them(run, tmp_path):
    for number in range(70, 80):
        write_image(tmp_path / "in" / f"p{number}.png", draw_spots(number))
    assert predict(run, tmp_path / "in", output=tmp_path / "out") == 0
    away = [
        np.linalg.norm(places(tmp_path / "out", f"p{number}")[0] - spots_of(number)[0])
        for number in range(70, 80)
    ]
    assert np.median(away) < 0.6  # of the spot that is learned first


def test_middle_of_the_first_pixel_is_0_and_confidence_is_that_of_the_model(run, picture, tmp_path):
    predict(run, picture, output=tmp_path / "out")
    found = PointPredictor.load(run, 0.5).predict([picture]).found
    np.testing.assert_allclose(places(tmp_path / "out"), found.points[:, ::-1] - 0.5, atol=1e-3)
    told = [float(row["confidence"]) for row in rows(tmp_path / "out" / "points.csv")]
    np.testing.assert_allclose(told, found.confidence, atol=1e-5)
    assert all(0 < value <= 1 for value in told)


def test_a_row_a_file_has_the_doubtful_point_and_the_measures(run, picture, tmp_path):
    predict(run, picture, output=tmp_path / "out")
    (row,) = rows(tmp_path / "out" / "predictions.csv")
    points = {each["point"]: each for each in rows(tmp_path / "out" / "points.csv")}
    assert row["lowest_confidence"] == points[row["least_confident"]]["confidence"]
    assert float(row["lowest_confidence"]) == min(float(p["confidence"]) for p in points.values())
    left, right, _ = places(tmp_path / "out")
    assert float(row["width_mm"]) == pytest.approx(0.5 * np.linalg.norm(right - left), abs=1e-3)


def test_slicer_lays_the_picture_as_it_is_in_the_file(run, picture, tmp_path):
    predict(run, picture, output=tmp_path / "out")
    points = control_points(tmp_path / "out" / "markups" / "a.mrk.json")
    assert [point["label"] for point in points] == list(NAMES)
    found = np.array([point["position"] for point in points])
    # it reads the PNG, which does not say how large a pixel is, and takes 1 mm
    np.testing.assert_allclose(found[:, :2], places(tmp_path / "out"), atol=2e-3)
    assert not found[:, 2].any()


def test_moved_picture_has_its_points_moved(run, picture, tmp_path):
    wide = np.full((SIZE[0], SIZE[1] + 5), 100, np.uint8)
    wide[:, 5:] = draw_spots(70)
    write_image(picture.with_name("moved.png"), wide)
    predict(run, tmp_path / "in", output=tmp_path / "out")
    one, moved = places(tmp_path / "out"), places(tmp_path / "out", "moved")
    np.testing.assert_allclose((moved - one)[:2], [(5, 0), (5, 0)], atol=1)


def test_prediction_goes_on_past_bad_files(run, picture, tmp_path, capsys):
    picture.with_name("cut.png").write_bytes(picture.read_bytes()[:200])
    write_image(picture.with_name("rgb.png"), np.zeros((*SIZE, 3), np.uint8))
    assert predict(run, tmp_path / "in", output=tmp_path / "out") == 3
    failed = {row["file"]: row["reason"] for row in rows(tmp_path / "out" / "failures.csv")}
    assert set(failed) == {"cut", "rgb"}
    assert failed["rgb"] == "it has 3 channels, and the model takes 1"
    assert [row["file"] for row in rows(tmp_path / "out" / "predictions.csv")] == ["a"]
    assert "3 landmarks in 1 of 3 cases" in capsys.readouterr().out


def test_pictures_without_a_spacing_are_refused_by_a_model_that_measures_in_mm(
    run, picture, tmp_path
):
    assert predict(run, picture, output=tmp_path / "out", words=()) == 3
    (row,) = rows(tmp_path / "out" / "failures.csv")
    assert "has no spacing" in row["reason"]
    assert "--pixel-spacing-mm" in row["reason"]


def test_folds_predict_together(run, picture, tmp_path):
    for fold in ("fold1", "fold2"):
        shutil.copytree(run, tmp_path / "runs" / fold)
    assert predict(run, picture, output=tmp_path / "one") == 0
    assert predict(tmp_path / "runs", picture, output=tmp_path / "both") == 0
    np.testing.assert_allclose(places(tmp_path / "one"), places(tmp_path / "both"), atol=1e-3)


def test_overlay_is_drawn_where_it_is_asked_for(run, picture, tmp_path):
    predict(run, picture, output=tmp_path / "plain")
    predict(run, picture, output=tmp_path / "drawn", words=(*SPACED, "--overlays"))
    assert not (tmp_path / "plain" / "overlays").exists()
    assert [path.name for path in (tmp_path / "drawn" / "overlays").iterdir()] == ["a.png"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--features",), "a landmarker takes no --table"),
        (("--format", "png"), "a landmarker takes no --table"),
        (("--pixel-spacing-mm", "0"), "must be above 0"),
        (("--um-per-pixel", "1"), "are of a detector on slides"),
    ],
)
def test_what_does_not_fit_is_refused(run, picture, tmp_path, words, message, capsys):
    assert predict(run, picture, output=tmp_path / "out", words=words) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
