import numpy as np
import pytest
from fakes.benchmark_sizes import TINY

from datamodules.errors import LightboxError
from datamodules.transforms.slide_reading import open_slide
from experiments.benchmarks import slide_reading
from experiments.benchmarks.slide_files import write_slide
from experiments.benchmarks.slide_reading import compare, filter_every_tile


def test_tiles_tissue_and_memory_are_measured(tmp_path):
    found = list(compare(TINY, tmp_path))
    assert [comparison.goal for comparison in found] == [4, 1, 50, 10, 100]
    assert all(len(comparison.ours) == TINY.rounds for comparison in found[:4])
    assert all(value > 0 for comparison in found for value in comparison.ours)


def test_pixels_that_differ_are_not_compared(tmp_path, monkeypatch):
    tile = slide_reading._tile_of_openslide
    monkeypatch.setattr(slide_reading, "_tile_of_openslide", lambda *words: tile(*words) // 2)
    with pytest.raises(LightboxError, match="not give the same pixels"):
        list(compare(TINY, tmp_path))


def test_tiles_that_differ_are_not_compared(tmp_path, monkeypatch):
    monkeypatch.setattr(slide_reading, "SATURATED", 255)
    with pytest.raises(LightboxError, match="tissue: the two differ on"):
        list(compare(TINY, tmp_path))


def test_the_slide_is_a_pyramid_half_of_which_is_tissue(tmp_path):
    path = write_slide(tmp_path / "a.tif", 2048)
    with open_slide(path) as slide:
        assert slide.size == (2048, 2048)
        assert slide.um_per_pixel == pytest.approx(0.5)
        assert slide.downsamples == (1, 4, 16)
        levels = [slide.thumbnail(16.0), slide.region(0, 0, 2, 128, 128)[::2, ::2]]
    assert np.abs(levels[0].astype(int) - levels[1]).mean() < 12
    tiles = filter_every_tile(path, blur=False)
    assert len(tiles) / 64 == pytest.approx(np.pi * 0.4**2, abs=0.1)
