import logging

import numpy as np
import pytest
from fakes.dark_spots import enlarged, spot_predictor, spots, spotted
from fakes.slide_files import stained, write_tiff

from datamodules.configs.volume_preprocessing import VolumePreprocessing, ZScore
from datamodules.errors import ConfigError, DataError
from datamodules.transforms.slide_reading import BLOCK, Slide
from experiments.slide_box_predictor import SlideBoxPredictor, SlideOptions
from experiments.slide_box_scale import size_tiles
from lightning_modules.configs.detector import DetectionInferenceConfig

SIZE = (500, 400)
ALL = SlideOptions(um_per_pixel=0.5, everywhere=True)


def slide_file(folder, image=None, um_per_pixel=0.5, reductions=()):
    image = spotted(*SIZE) if image is None else image
    return write_tiff(folder / "a.tif", image, um_per_pixel, reductions, compression="zlib")


def found_in(path, predictor=None, options=ALL):
    found = SlideBoxPredictor(predictor or spot_predictor(), options).predict(path)
    return found, sorted(found.boxes.boxes.round(2).tolist())


def planted(scale=1.0, side=11):
    return sorted(
        [scale * y, scale * x, scale * (y + side), scale * (x + side)] for x, y in spots(*SIZE)
    )


@pytest.mark.parametrize("patch", [48, 64, 104, 600])
def test_each_object_is_found_once_whatever_the_tiles_are(tmp_path, patch):
    found, boxes = found_in(slide_file(tmp_path), spot_predictor(patch))
    assert boxes == planted()
    assert found.shape == (400, 500)
    assert found.highest.round(3).tolist() == [0.9, 0.0]


def test_views_and_models_are_fused_in_each_tile(tmp_path):
    mirror = DetectionInferenceConfig(mirror=True)
    predictor = spot_predictor(models=2, inference=mirror)
    assert found_in(slide_file(tmp_path), predictor)[1] == planted()


@pytest.mark.parametrize(("factor", "reductions"), [(2, ()), (4, (2,)), (1.6, ())])
def test_boxes_of_finer_slides_are_in_their_own_pixels(tmp_path, factor, reductions):
    path = slide_file(tmp_path, enlarged(spotted(*SIZE), factor), 0.5 / factor, reductions)
    found, boxes = found_in(path)
    assert found.shape == (400 * factor, 500 * factor)
    assert len(boxes) == len(planted())
    # To a pixel of a tile, and half a pixel of the slide by which corners are rounded.
    np.testing.assert_allclose(boxes, planted(factor), atol=factor + 0.5)


def test_scale_comes_from_training_images_that_have_one(tmp_path):
    path = slide_file(tmp_path, enlarged(spotted(*SIZE), 2), 0.25)
    predictor = spot_predictor(spacing_mm=(0.0005, 0.0005))
    _, boxes = found_in(path, predictor, SlideOptions(everywhere=True))
    np.testing.assert_allclose(boxes, planted(2), atol=2.02)


def test_large_objects_get_a_larger_overlap():
    small, large, huge = (spot_predictor(64, largest=each) for each in (8.0, 20.0, 60.0))
    overlaps = [
        size_tiles(each.modules[0], each.data, 0.5).overlap for each in (small, large, huge)
    ]
    assert overlaps == pytest.approx([0.25, 20 / 0.75 / 64, 0.5])


def test_only_tissue_is_looked_at(tmp_path):
    image = stained()
    image[100:112, 100:112] = 30  # on the glass, far from the tissue
    path = write_tiff(tmp_path / "a.tif", image, compression="zlib")
    _, inside = found_in(path, spot_predictor(128), SlideOptions(0.5))
    _, everywhere = found_in(path, spot_predictor(128))
    assert [100, 100, 112, 112] not in inside
    assert [100, 100, 112, 112] in everywhere
    assert len(inside) > 100


def test_no_more_of_a_slide_is_asked_for_than_a_tile(tmp_path, monkeypatch):
    read, region = [], Slide.region

    def watched(self, x, y, level, width, height):
        read.append((width, height))
        return region(self, x, y, level, width, height)

    monkeypatch.setattr(Slide, "region", watched)
    monkeypatch.setattr(Slide, "thumbnail", lambda *_: np.zeros((8, 10, 3), np.uint8))
    found_in(slide_file(tmp_path))
    assert len(read) > 50
    assert set(read) == {(64, 64)}
    assert BLOCK < 4096  # of what a thumbnail reads at a time


def test_slides_without_a_scale_and_without_tissue_say_what_to_do(tmp_path):
    with pytest.raises(DataError, match=r"a.tif: .* micrometres .* --assumed-um-per-pixel"):
        found_in(slide_file(tmp_path, um_per_pixel=None))
    assumed = SlideOptions(0.5, assumed_um_per_pixel=0.5, everywhere=True)
    assert found_in(slide_file(tmp_path, um_per_pixel=None), options=assumed)[1] == planted()
    with pytest.raises(DataError, match=r"a.tif: a slide without tissue.*--everywhere"):
        found_in(slide_file(tmp_path), options=SlideOptions(0.5))


def test_slides_that_are_too_coarse_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"2 um per pixel, and the model was trained at 0.5"):
        found_in(slide_file(tmp_path, um_per_pixel=2.0))


@pytest.mark.parametrize(
    ("spacing_mm", "said", "message"),
    [
        (None, None, "do not say how many micrometres a pixel has: say --um-per-pixel"),
        (None, 40.0, "--um-per-pixel is from 0.01 to 20, not 40"),
        ((0.0005, 0.0005), 0.25, "say that they have 0.5; leave it out"),
        ((0.0005, 0.001), None, "pixels that are not square"),
        ((0.5, 0.5), None, "500 um per pixel, which no slide has"),
        ((1.0, 1.0, 1.0), 0.5, "images of 3 axes"),
    ],
)
def test_scales_that_are_wrong_or_missing_are_named(spacing_mm, said, message):
    predictor = spot_predictor(spacing_mm=spacing_mm)
    with pytest.raises(ConfigError, match=message):
        SlideBoxPredictor(predictor, SlideOptions(said))


def test_intensities_that_are_measured_on_each_tile_are_warned_of(caplog):
    predictor = spot_predictor()
    preprocessing = VolumePreprocessing(normalisation=ZScore())
    with caplog.at_level(logging.WARNING, "lightbox"):
        size_tiles(predictor.modules[0], predictor.data.replace(preprocessing=preprocessing), 0.5)
    assert "normalisation.kind zscore" in caplog.text
