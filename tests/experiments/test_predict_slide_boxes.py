"""``python -m experiments.predict`` with a detector on whole slides."""

import csv
import json
import shutil

import numpy as np
import pytest
from fakes.boxed_cells import SIDE, detection_experiment, draw_cells
from fakes.slide_files import write_tiff
from PIL import Image

from experiments import predict
from experiments.session import start
from lightning_modules.metrics.box_overlap import iou

ROWS, COLUMNS, FIRST = 5, 6, 100


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("cells")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIGHTBOX_CACHE", str(root / "cache"))
        patch.setenv("LIGHTBOX_RUNS", str(root / "runs"))
        yield start(detection_experiment(root / "data", epochs=12)).path


def mosaic():
    """Pictures as the detector was trained on, side by side."""
    pictures = iter(draw_cells(FIRST + number)[0] for number in range(ROWS * COLUMNS))
    return np.vstack([np.hstack([next(pictures) for _ in range(COLUMNS)]) for _ in range(ROWS)])


def cells():
    """Where the cells of the mosaic are: left, upper, right and lower ends."""
    corners = [
        (SIDE * column + x, SIDE * row + y, SIDE * column + x + width, SIDE * row + y + height)
        for row in range(ROWS)
        for column in range(COLUMNS)
        for _, x, y, width, height in draw_cells(FIRST + COLUMNS * row + column)[1]
    ]
    return np.array(corners, float)


@pytest.fixture
def slides(tmp_path):
    folder = tmp_path / "slides"
    folder.mkdir()
    write_tiff(folder / "one.tif", mosaic(), 0.25, (2,), compression="zlib")
    return folder


def predicted(run, out, *words):
    code = predict.main([str(run), *map(str, words), "--output", str(out)])
    return code, rows(out / "boxes.csv") if (out / "boxes.csv").exists() else []


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def corners(found):
    values = [[float(row[key]) for key in ("x", "y", "width", "height")] for row in found]
    low, sides = np.split(np.array(values), 2, axis=1)
    return np.concatenate([low, low + sides], axis=1)


SCALE = ("--um-per-pixel", "0.25", "--everywhere")


def test_boxes_lie_on_the_cells_in_pixels_of_the_slide(run, slides, tmp_path):
    code, found = predicted(run, tmp_path / "out", slides, *SCALE)
    assert code == 0
    overlap = iou(corners(found), cells())
    assert (overlap.max(axis=1) > 0.5).mean() > 0.8
    assert (overlap.max(axis=0) > 0.5).mean() > 0.5  # it has learned for a few seconds


def test_tables_coco_and_geojson_say_the_same(run, slides, tmp_path):
    _, found = predicted(run, tmp_path / "out", slides, *SCALE, "--overlays")
    coco = json.loads((tmp_path / "out" / "coco.json").read_text())
    boxes = [[float(row[key]) for key in ("x", "y", "width", "height")] for row in found]
    assert [each["bbox"] for each in coco["annotations"]] == boxes
    assert coco["images"] == [{"id": 1, "file_name": "one.tif", "width": 384, "height": 320}]
    text = (tmp_path / "out" / "geojson" / "one.tif.geojson").read_text()
    features = json.loads(text)["features"]
    assert [each["properties"]["classification"]["name"] for each in features] == [
        row["label"] for row in found
    ]
    lefts = [each["geometry"]["coordinates"][0][0][0] for each in features]
    assert lefts == pytest.approx([box[0] for box in boxes], abs=0.01)
    (row,) = rows(tmp_path / "out" / "predictions.csv")
    assert int(row["objects/disc"]) + int(row["objects/square"]) == len(found)
    with Image.open(tmp_path / "out" / "overlays" / "one.tif.png") as picture:
        assert picture.width == 384


def test_slides_are_known_by_their_content_and_need_a_scale(run, slides, tmp_path, capsys):
    assert predicted(run, tmp_path / "out", slides)[0] == 2
    assert "say --um-per-pixel" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_slides_that_cannot_be_looked_at_are_listed_and_the_others_are_predicted(
    run, slides, tmp_path
):
    write_tiff(slides / "scaleless.tif", mosaic(), None, (2,), compression="zlib")
    whole = (slides / "one.tif").read_bytes()
    (slides / "cut.svs").write_bytes(whole[:2000])
    Image.fromarray(mosaic()).save(slides / "overview.png")  # a picture beside slides is none
    code, found = predicted(run, tmp_path / "out", slides, *SCALE)
    assert code == 3
    assert {row["file"] for row in found} == {"one.tif"}
    reasons = {row["file"]: row["reason"] for row in rows(tmp_path / "out" / "failures.csv")}
    assert set(reasons) == {"scaleless.tif", "cut.svs"}
    assert "--assumed-um-per-pixel" in reasons["scaleless.tif"]


def test_small_pictures_are_slides_where_their_scale_is_said(run, tmp_path):
    Image.fromarray(mosaic()).save(tmp_path / "one.png")
    words = (*SCALE, "--assumed-um-per-pixel", "0.25")
    code, found = predicted(run, tmp_path / "out", tmp_path / "one.png", *words)
    assert code == 0
    assert len(found) > 50
    shutil.rmtree(tmp_path / "out")
    assert predicted(run, tmp_path / "out", tmp_path / "one.png", *SCALE)[0] == 3


def test_a_scale_that_is_none_is_refused(run, slides, tmp_path, capsys):
    words = (*SCALE, "--assumed-um-per-pixel", "-1")
    assert predicted(run, tmp_path / "out", slides, *words)[0] == 2
    assert "--assumed-um-per-pixel is from 0.01 to 20, not -1" in capsys.readouterr().err
