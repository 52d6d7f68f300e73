import json

import numpy as np
import pytest

from experiments.box_geojson import write_box_geojson
from lightning_modules.found_boxes import FoundBoxes

BOXES = FoundBoxes(
    np.array([[10.0, 20, 40, 25], [0.125, 123456.789, 7, 123460]]),
    np.array([0.75, 0.5]),
    np.array([1, 0]),
)


def written(path, boxes, classes):
    write_box_geojson(path, boxes, classes)
    return json.loads(path.read_text("utf-8"))["features"]


def test_each_box_is_a_closed_rectangle_x_before_y(tmp_path):
    first, second = written(tmp_path / "a.geojson", BOXES, ("cell", "mitosis"))
    (ring,) = first["geometry"]["coordinates"]
    assert ring == [[20, 10], [25, 10], [25, 40], [20, 40], [20, 10]]
    assert second["geometry"]["coordinates"][0][0] == pytest.approx([123456.79, 0.12])


def test_class_and_score_are_where_qupath_looks(tmp_path):
    features = written(tmp_path / "a.geojson", BOXES, ("cell", 'a "mitosis"'))
    properties = [each["properties"] for each in features]
    assert [each["objectType"] for each in properties] == ["detection", "detection"]
    assert [each["classification"]["name"] for each in properties] == ['a "mitosis"', "cell"]
    assert [each["measurements"] for each in properties] == [{"score": 0.75}, {"score": 0.5}]
    colours = [tuple(each["classification"]["color"]) for each in properties]
    assert colours == [(213, 94, 0), (0, 114, 178)]


def test_nothing_found_is_an_empty_collection(tmp_path):
    none = FoundBoxes(np.empty((0, 4)), np.empty(0), np.empty(0, int))
    assert written(tmp_path / "a.geojson", none, ("cell",)) == []
