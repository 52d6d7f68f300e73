from dataclasses import replace

import pytest
from fakes import jsrt
from fakes.boxed_cells import detection_experiment

from datamodules.boxes import BoxesData
from datamodules.configs.boxes import BoxesConfig
from datamodules.errors import ConfigError, DataError
from datamodules.readers.jsrt import JsrtReader


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("LIGHTBOX_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def trained(tmp_path) -> BoxesData:
    data = BoxesData(detection_experiment(tmp_path / "data").data)
    data.prepare()
    return data


def test_contents_are_known_as_long_as_they_are_kept(trained):
    contents = BoxesData(trained.config).kept_contents()
    assert contents == trained.prepare_pixels(trained.table)


def test_box_outside_its_image_stops_the_run_and_is_named(tmp_path):
    config = detection_experiment(tmp_path / "data").data
    table = tmp_path / "data" / "boxes.csv"
    table.write_text(table.read_text() + "p00_0.png,disc,90,10,5,5,p00\n")
    with pytest.raises(DataError, match=r"p00_0.*disc from 90, 10 to 95, 15 lies outside"):
        BoxesData(config).prepare()


def test_class_that_is_not_there_is_told_with_the_nearest(tmp_path):
    config = detection_experiment(tmp_path / "data").data.replace(classes=("disk",))
    with pytest.raises(ConfigError, match="did you mean 'disc'"):
        BoxesData(config).check()


def test_another_dataset_has_the_labels_of_the_model(trained):
    data = BoxesData(trained.config, trained=trained.info)
    data.prepare(held_out=True)
    assert data.info is trained.info
    assert len(data.indices("test")) == len(trained.table.cases)


def test_dataset_with_none_of_the_classes_is_refused(trained):
    data = BoxesData(trained.config, trained=replace(trained.info, classes=("nodule",)))
    with pytest.raises(DataError, match=r"boxes of .*disc.*the model finds nodule"):
        data.prepare(held_out=True)


def test_boxes_around_masks_are_in_pixels_of_the_film(tmp_path):
    jsrt.write(tmp_path / "jsrt")
    reader = JsrtReader(root=str(tmp_path / "jsrt"))
    config = BoxesConfig(reader=reader, boxes_from="masks", classes=("heart",), patch=(32, 32))
    data = BoxesData(config)
    data.prepare(held_out=True)
    height, width = data.cache.geometry(0).shape
    (box,) = data.truths[0].boxes.tolist()
    assert 0 <= box[0] < box[2] <= height
    assert 0 <= box[1] < box[3] <= width


def test_patch_of_other_axes_is_told_before_any_file_is_read(tmp_path):
    config = detection_experiment(tmp_path / "data").data.replace(patch=(32, 32, 32))
    with pytest.raises(ConfigError, match=r"patch has 3 numbers, and the images .* have 2 axes"):
        BoxesData(config).check()


def test_boxes_from_masks_that_are_not_there_are_told(tmp_path):
    config = detection_experiment(tmp_path / "data").data.replace(boxes_from="masks")
    with pytest.raises(ConfigError, match="has no masks"):
        BoxesData(config).check()
