import numpy as np
import pytest
from fakes.labelled_volumes import draw_volume, volume_experiment
from fakes.volume_files import oblique_affine, write_nifti
from PIL import Image
from skimage.filters import threshold_otsu

from datamodules.configs.volumes import VolumesConfig
from datamodules.errors import DataError
from datamodules.volume_survey import VolumeSurvey
from datamodules.volumes import VolumesData


@pytest.fixture
def config(tmp_path) -> VolumesConfig:
    return volume_experiment(tmp_path, cases=16).data


def surveyed(config) -> VolumeSurvey:
    survey = VolumeSurvey(config, seed=0)
    survey.prepare()
    return survey


def path_of(root, survey, split):
    return root / f"{survey.table.cases[survey.indices(split)[0]].case_id}.nii.gz"


def test_cases_are_divided_as_in_a_run_though_some_are_identical(config, tmp_path):
    for copy in (5, 9):
        (tmp_path / f"v{copy:02d}.nii.gz").write_bytes((tmp_path / "v00.nii.gz").read_bytes())
    data = VolumesData(config, seed=0)
    data.prepare()
    assert surveyed(config).splits == data.splits
    assert len({data.splits[f"v{number:02d}"] for number in (0, 5, 9)}) == 1


def test_nothing_is_cached(config, tmp_path):
    surveyed(config).measure()
    assert not (tmp_path / "cache").exists()


def test_training_cases_are_measured(config):
    survey = surveyed(config)
    found = survey.measure()
    assert len(found.cases) == len(survey.indices("train")) < 16
    assert np.allclose(found.spacings, (1, 1.2, 1.5))
    assert survey.info.channels == 1
    assert survey.info.positives[0] + survey.info.negatives[0] == len(found.cases)


def test_foreground_is_what_is_above_otsus_threshold(config):
    survey = surveyed(config)
    found = survey.measure()
    number = int(survey.table.cases[survey.indices("train")[0]].case_id[1:])
    voxels = draw_volume(number)
    expected = voxels[voxels > threshold_otsu(voxels)]
    assert set(found.cases[0].foreground) <= set(expected)
    assert found.cases[0].foreground.mean() == pytest.approx(expected.mean(), rel=0.01)


@pytest.mark.parametrize("split", ["val", "test"])
def test_what_other_volumes_show_changes_no_measure(config, tmp_path, split):
    survey = surveyed(config)
    before = survey.measure()
    strange = np.random.default_rng(0).normal(9e4, 1e4, (50, 50, 50)).astype(np.float32)
    write_nifti(path_of(tmp_path, survey, split), strange, oblique_affine((9.0, 9.0, 9.0)))
    after = surveyed(config).measure()
    assert (after.foreground == before.foreground).all()
    assert (after.shapes == before.shapes).all()


def test_every_damaged_file_is_named(config, tmp_path):
    for number in (2, 5):
        path = tmp_path / f"v{number:02d}.nii.gz"
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=r"2 of 16 images(.|\n)*v02(.|\n)*v05"):
        surveyed(config)


def test_flat_image_is_no_volume(config, tmp_path):
    survey = surveyed(config)
    name = path_of(tmp_path, survey, "train").name
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(tmp_path / "flat.png")
    table = tmp_path / "volumes.csv"
    table.write_text(table.read_text().replace(name, "flat.png"))
    flat = VolumeSurvey(config, seed=0)
    flat.prepare()
    flat.splits["flat"] = "train"
    with pytest.raises(DataError, match="2 axes, and a volume has 3"):
        flat.measure()


def test_cases_with_other_channels_are_named(config, tmp_path):
    survey = surveyed(config)
    odd = path_of(tmp_path, survey, "train")
    write_nifti(odd, np.random.default_rng(0).random((9, 9, 9, 2)).astype(np.float32))
    with pytest.raises(DataError, match="most training cases have 3 axes and 1 channels") as raised:
        survey.measure()
    assert f"case '{odd.name[:-7]}': 3 axes and 2 channels" in str(raised.value)


def test_candidates_of_one_volume_are_as_it_is(config, tmp_path):
    lines = ["volume,patient,label,x,y,z"]
    for number in range(16):
        volume, label = number // 2, ("none", "ball")[number % 2]
        lines.append(f"v{volume:02d}.nii.gz,p{volume},{label},{3 + number % 2},4,5")
    (tmp_path / "volumes.csv").write_text("\n".join(lines) + "\n")
    reader = config.reader.replace(
        candidate_columns=("x", "y", "z"), site_column=None, attribute_columns=()
    )
    survey = surveyed(config.replace(reader=reader))
    found = survey.measure()
    assert survey.info.candidates
    assert len(found.cases) == len(survey.indices("train"))
    assert len({id(case) for case in found.cases}) == len(found.cases) / 2
