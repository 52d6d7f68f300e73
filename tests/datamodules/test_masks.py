import shutil

import pytest
from fakes.masked_slices import STRUCTURES, slice_experiment, write_slices

from datamodules.cache import list_entries
from datamodules.errors import DataError
from datamodules.masks import MasksData
from datamodules.readers.image_mask_folders import ImageMaskFoldersReader


@pytest.fixture
def trained(tmp_path) -> MasksData:
    data = MasksData(slice_experiment(tmp_path / "data").data)
    data.prepare()
    return data


def external(trained: MasksData, root, *structures: str) -> MasksData:
    reader = ImageMaskFoldersReader(root=str(root), structures=structures)
    return MasksData(trained.config.replace(reader=reader), trained=trained.info)


def test_contents_are_known_as_long_as_they_are_kept(trained):
    again = MasksData(trained.config)
    contents = again.kept_contents()
    assert contents == trained.prepare_pixels(trained.table)
    assert len(set(contents.values())) == len(trained.table.cases)
    for entry in list_entries():
        shutil.rmtree(entry.path)
    assert again.kept_contents() is None


def test_contents_are_those_of_images_whatever_is_outlined(trained, tmp_path):
    write_slices(tmp_path / "other", 16, separate=("core",))
    reader = ImageMaskFoldersReader(root=str(tmp_path / "other"), mask_name="{structure}/{id}")
    other = MasksData(trained.config.replace(reader=reader), trained=trained.info)
    other.prepare(held_out=True)
    assert other.kept_contents() == trained.kept_contents()
    assert (other.cache.mask(0)[0] == 255).all()


def test_external_dataset_says_what_cannot_be_scored(trained, tmp_path):
    write_slices(tmp_path / "other", 3, seed=5)
    data = external(trained, tmp_path / "other", "ring=1", "core=2")
    data.prepare(held_out=True)
    assert len(data.indices("test")) == 3
    assert any("does not outline 'disc'" in notice for notice in data.notices)
    assert data.facts() == trained.facts()


def test_external_dataset_of_another_kind_is_refused_before_it_is_prepared(trained, tmp_path):
    write_slices(tmp_path / "other", 3, seed=5, channels=3)
    data = external(trained, tmp_path / "other", *STRUCTURES)
    with pytest.raises(DataError, match="it has 3 channels, and the model takes 1"):
        data.prepare(held_out=True)
    assert len(list_entries()) == 1
