"""A waived case is read voxel for voxel, is named in the report, and never read from elsewhere."""

import nibabel
import numpy as np
import pytest
from fakes.masked_volumes import draw_ball, segmentation_experiment
from fakes.volume_files import write_nifti

from datamodules.errors import ConfigError, DataError
from datamodules.geometry_waivers import waiver_notices
from datamodules.masks import MasksData
from datamodules.samplers import Draw
from datamodules.transforms import volume_reading

MOVED = "p01_0"


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Eight sound cases, and a mask whose header puts it 1 mm beside its image."""
    monkeypatch.setenv("LIGHTBOX_CACHE", str(tmp_path / "cache"))
    config = segmentation_experiment(tmp_path / "data", cases=8).data
    move(tmp_path / "data" / "masks" / f"{MOVED}.nii.gz")
    return config


def move(path, by=1.0, to=None):
    volume = nibabel.load(path)
    affine = volume.affine.copy()
    affine[0, 3] += by
    write_nifti(to or path, np.asarray(volume.dataobj), affine)


def prepared(config, *waivers: str) -> MasksData:
    data = MasksData(config.replace(geometry_waivers=waivers))
    data.prepare()
    return data


def test_error_says_how_to_waive(config):
    with pytest.raises(
        DataError, match=r"differ by up to 1 mm.*name the case in data\.geometry_waivers"
    ):
        prepared(config)


def test_waived_mask_lies_on_its_image_voxel_for_voxel(config):
    data = prepared(config, MOVED)
    batch = data.dataset(training=False).__getitems__([Draw(2)])
    (truth,) = data.on_before_batch_transfer(batch, 0)["truth"]
    assert batch["case_id"] == [MOVED]
    assert np.array_equal(truth[0], draw_ball(2)[1])


def test_report_names_the_waived_case_on_every_run(config):
    expected = f"differ (data.geometry_waivers): '{MOVED}' by 1 mm."
    built, opened = prepared(config, MOVED), prepared(config, MOVED)
    assert built.notices[0].endswith(expected)
    assert opened.notices == built.notices


def test_entry_with_a_waiver_is_not_read_without(config, tmp_path):
    waived = prepared(config, MOVED).cache.path
    with pytest.raises(DataError, match=MOVED):
        prepared(config)
    move(tmp_path / "data" / "masks" / f"{MOVED}.nii.gz", by=-1.0)
    assert prepared(config).cache.path != waived


def test_case_that_does_not_exist_is_refused_with_the_nearest(config):
    with pytest.raises(ConfigError, match=r"no case 'p1_0'; did you mean 'p01_0'\?"):
        prepared(config, "p1_0").check()


def test_needless_waiver_is_noticed(config):
    needless = prepared(config, MOVED, "p00_0").notices[1]
    assert needless.endswith("without need, as their headers agree: 'p00_0'.")


def test_largest_difference_of_all_files_is_told_and_each_is_read_once(
    config, tmp_path, monkeypatch
):
    for path in sorted((tmp_path / "data" / "images").iterdir()):
        name = path.name.removesuffix(".nii.gz")
        move(path, 0.01 if name == MOVED else 0, tmp_path / "data" / "two" / f"{name}_1.nii.gz")
        path.rename(tmp_path / "data" / "two" / f"{name}_0.nii.gz")
    reader = config.reader.replace(images="two", image_name="{id}_{channel}")
    read, contents = volume_reading.read_nifti, []
    noted = lambda content: contents.append(content) or read(content)  # noqa: E731
    monkeypatch.setattr(volume_reading, "read_nifti", noted)
    (notice,) = prepared(config.replace(reader=reader), MOVED).notices
    assert notice.endswith(f"'{MOVED}' by 1 mm.")
    files = [path for folder in ("two", "masks") for path in (tmp_path / "data" / folder).iterdir()]
    assert sorted(contents) == sorted(path.read_bytes() for path in files)


def test_mirrored_mask_is_refused_without_a_hint_that_would_mirror_it(config, tmp_path):
    path = tmp_path / "data" / "masks" / f"{MOVED}.nii.gz"
    nibabel.save(nibabel.load(path).as_reoriented(np.array([[0, -1], [1, 1], [2, 1]])), path)
    with pytest.raises(DataError, match="mask run LAS and those of the image RAS") as error:
        prepared(config)
    assert "geometry_waivers" not in str(error.value)
    assert any(f"'{MOVED}' by" in notice for notice in prepared(config, MOVED).notices)


def test_nothing_waived_is_nothing_to_notice():
    assert waiver_notices({}) == []


def test_shapes_must_agree_all_the_same(config, tmp_path):
    path = tmp_path / "data" / "masks" / f"{MOVED}.nii.gz"
    write_nifti(path, draw_ball(2)[1][1:], nibabel.load(path).affine)
    with pytest.raises(DataError, match="the mask has"):
        prepared(config, MOVED)


def test_named_cases_stay_out_of_checkpoints_and_logs(config):
    named = config.replace(geometry_waivers=(MOVED,))
    assert MOVED not in repr(named.public())
    assert type(config).model_validate(named.public()).geometry_waivers == ()
