import pickle
from dataclasses import replace

import numpy as np
import pytest
from fakes.masked_volumes import draw_ball, segmentation_experiment

from datamodules.errors import DataError
from datamodules.masks import MasksData
from datamodules.volume_cache import VolumeCache
from datamodules.volume_content import MOST_PLACES, places_of


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("LIGHTBOX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "data"


def prepared(root, cases=8) -> MasksData:
    data = MasksData(segmentation_experiment(root, cases).data)
    data.prepare()
    return data


def test_cases_of_unequal_shape_are_each_where_they_belong(root):
    cache = prepared(root, cases=12).cache
    shapes = {tuple(shape) for shape in cache.shapes.tolist()}
    assert (len(cache), len(shapes) > 1) == (12, True)
    for row in range(len(cache)):
        _, mask = draw_ball(row)
        share = (cache.mask(row) > 0).mean() / (mask > 0).mean()
        assert cache.image(row).shape == (1, *cache.shapes[row])
        assert share == pytest.approx(1, abs=0.15)


def test_places_are_voxels_of_their_structure(root):
    cache = prepared(root).cache
    for row in range(len(cache)):
        for structure in range(2):
            at = tuple(cache.places(row, structure).T)
            assert len(at[0]) > 10
            assert (cache.mask(row)[0][at] == structure + 1).all()


def test_second_use_opens_what_the_first_has_built(root):
    built = prepared(root)
    again = MasksData(built.config)
    again.prepare()
    assert again.cache.path == built.cache.path
    assert len(list(built.cache.path.parent.glob("*/images.bin"))) == 1


def test_other_settings_are_another_entry(root):
    first = prepared(root)
    other = MasksData(first.config.replace(structures=("ball",)))
    other.prepare()
    assert other.cache.path != first.cache.path
    assert other.cache.mask(0).max() == 1


def test_pickle_holds_no_voxels(root):
    cache = prepared(root).cache
    cache.image(0)
    copy = pickle.loads(pickle.dumps(cache))
    assert len(pickle.dumps(cache)) < 5000
    assert np.array_equal(copy.image(1), cache.image(1))


def test_damaged_entry_is_built_again(root):
    path = prepared(root).cache.path
    (path / "masks.bin").write_bytes((path / "masks.bin").read_bytes()[:-1])
    again = prepared(root).cache
    assert isinstance(again, VolumeCache)
    assert (again.mask(3) > 0).any()


def test_every_faulty_file_is_named_and_nothing_is_kept(root, tmp_path):
    segmentation_experiment(root, 6)
    for name in ("images/p00_0.nii.gz", "masks/p01_1.nii.gz"):
        (root / name).write_bytes((root / name).read_bytes()[:100])
    with pytest.raises(DataError) as caught:
        MasksData(segmentation_experiment_without_writing(root)).prepare()
    assert {"p00_0", "p01_1"} == {str(line).split("'")[1] for line in caught.value.found}
    assert not list((tmp_path / "cache").glob("*/*/images.bin"))


def segmentation_experiment_without_writing(root):
    spare = root.parent / "spare"
    config = segmentation_experiment(spare, 2).data
    return config.replace(reader=config.reader.replace(root=str(root)))


def test_patch_with_more_axes_than_the_images_is_refused(root):
    config = segmentation_experiment(root, 8).data.replace(patch=(16, 16))
    MasksData(config).prepare()  # a 2D network goes slice by slice
    with pytest.raises(ValueError, match="two or three numbers"):
        config.replace(patch=(4, 4, 4, 4))


def test_many_voxels_are_drawn_from_always_the_same():
    mask = np.ones((1, 30, 30, 30), np.uint8)
    first, again = (places_of(mask, 1, seed=5)[0] for _ in range(2))
    assert len(first) == MOST_PLACES
    assert np.array_equal(first, again)
    assert len(np.unique(first, axis=0)) == MOST_PLACES


def test_structures_that_overlap_have_their_own_places():
    mask = np.zeros((2, 3, 3), np.uint8)
    mask[0, :2], mask[1, 1:] = 1, 1
    first, second = places_of(mask, 2, seed=0)
    assert {tuple(row) for row in first.tolist()} & {tuple(row) for row in second.tolist()} == {
        (1, 0),
        (1, 1),
        (1, 2),
    }


def test_images_with_and_without_a_spacing_do_not_go_together(root, monkeypatch):
    config = segmentation_experiment(root, 8).data
    data = MasksData(config)
    seen = VolumeCache.geometry
    monkeypatch.setattr(
        VolumeCache,
        "geometry",
        lambda self, row: replace(seen(self, row), has_spacing=row != 2),
    )
    with pytest.raises(DataError, match="do not say how large their pixels are") as caught:
        data.prepare()
    assert list(caught.value.found) == ["p01_0"]
