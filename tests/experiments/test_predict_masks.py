"""A trained segmenter on files of its own: masks where the files are, sizes, failures."""

import csv
import shutil

import nibabel
import numpy as np
import pytest
from fakes.masked_volumes import draw_ball, segmentation_experiment
from fakes.volume_files import PATIENT, oblique_affine, write_nifti, write_series

from datamodules.transforms.volume_reading import read_volume
from experiments.predict import main
from experiments.session import start


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("balls")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIGHTBOX_CACHE", str(root / "cache"))
        patch.setenv("LIGHTBOX_RUNS", str(root / "runs"))
        experiment = segmentation_experiment(root / "data", cases=12, epochs=4)
        return start(experiment).path


def predict(run, *places, output, words=()):
    return main([str(run), *map(str, places), "--output", str(output), *words])


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_mask_has_the_shape_and_the_affine_of_its_file(run, tmp_path):
    image, _ = draw_ball(50)
    turned = np.ascontiguousarray(image.transpose(2, 0, 1)[::-1])
    affine = oblique_affine((1.5, 1.0, 1.2), seed=9)[:, [2, 0, 1, 3]] @ np.diag([-1, 1, 1, 1])
    write_nifti(tmp_path / "in" / "a.nii.gz", turned, affine)
    assert predict(run, tmp_path / "in", output=tmp_path / "out") == 0
    mask = nibabel.load(tmp_path / "out" / "masks" / "a.nii.gz")
    assert mask.shape == turned.shape
    assert np.allclose(mask.affine, affine, atol=1e-5)
    assert set(np.unique(np.asarray(mask.dataobj))) <= {0, 1, 2}
    assert rows(tmp_path / "out" / "structures.csv")[1] == {"value": "2", "structure": "shell"}


def test_turned_file_gives_the_turned_mask(run, tmp_path):
    image, _ = draw_ball(51)
    affine = oblique_affine((1.0, 1.2, 1.5), seed=2)
    write_nifti(tmp_path / "in" / "straight.nii", image, affine)
    flip = np.diag([-1.0, 1, 1, 1])
    flip[0, 3] = image.shape[0] - 1
    turned = np.ascontiguousarray(image[::-1].transpose(1, 0, 2))
    write_nifti(tmp_path / "in" / "turned.nii", turned, affine @ flip @ np.eye(4)[:, [1, 0, 2, 3]])
    assert predict(run, tmp_path / "in", output=tmp_path / "out") == 0
    straight, turned = (
        read_volume(tmp_path / "out" / "masks" / f"{name}.nii.gz").array[0]
        for name in ("straight", "turned")
    )
    assert straight.any()
    assert np.array_equal(straight[::-1].transpose(1, 0, 2), turned)


def test_sizes_are_those_of_the_masks(run, tmp_path):
    image, _ = draw_ball(52)
    write_nifti(tmp_path / "in" / "a.nii.gz", image, oblique_affine((1.0, 1.2, 1.5)))
    predict(run, tmp_path / "in", output=tmp_path / "out")
    mask = read_volume(tmp_path / "out" / "masks" / "a.nii.gz").array
    (row,) = rows(tmp_path / "out" / "predictions.csv")
    assert float(row["ball_ml"]) == pytest.approx((mask == 1).sum() * 1.8 / 1000, abs=1e-5)


def test_prediction_goes_on_past_bad_files(run, tmp_path, capsys):
    image, _ = draw_ball(53)
    good = write_nifti(tmp_path / "in" / "good.nii.gz", image, oblique_affine())
    (tmp_path / "in" / "cut.nii.gz").write_bytes(good.read_bytes()[:900])
    write_nifti(tmp_path / "in" / "two.nii.gz", np.stack([image, image], axis=-1), np.eye(4))
    assert predict(run, tmp_path / "in", output=tmp_path / "out") == 3
    failed = {row["file"]: row["reason"] for row in rows(tmp_path / "out" / "failures.csv")}
    assert set(failed) == {"cut", "two"}
    assert failed["two"] == "it has 2 channels, and the model takes 1"
    assert [row["file"] for row in rows(tmp_path / "out" / "predictions.csv")] == ["good"]
    assert "2 could not be" in capsys.readouterr().err


def test_series_becomes_a_mask_in_its_place_and_a_dicom_seg(run, tmp_path):
    pytest.importorskip("highdicom")
    image, _ = draw_ball(54)
    series = write_series(tmp_path / "ct", image.astype(np.int16), oblique_affine(), **PATIENT)
    assert predict(run, series, output=tmp_path / "out") == 0
    mask = read_volume(tmp_path / "out" / "masks" / "ct.nii.gz")
    assert np.allclose(mask.affine, read_volume(series).affine, atol=1e-5)
    words = ("--format", "dicom-seg")
    assert predict(run, series, output=tmp_path / "seg", words=words) == 0
    assert (tmp_path / "seg" / "masks" / "ct.dcm").stat().st_size > 1000


def test_folds_predict_together(run, tmp_path):
    for fold in ("fold1", "fold2"):
        shutil.copytree(run, tmp_path / "runs" / fold)
    image, _ = draw_ball(55)
    file = write_nifti(tmp_path / "a.nii.gz", image, oblique_affine((1.0, 1.2, 1.5)))
    assert predict(run, file, output=tmp_path / "one") == 0
    assert predict(tmp_path / "runs", file, output=tmp_path / "both") == 0
    one, both = (read_volume(tmp_path / out / "masks" / "a.nii.gz") for out in ("one", "both"))
    assert np.array_equal(one.array, both.array)


def test_overlays_are_drawn_where_they_are_asked_for(run, tmp_path):
    image, _ = draw_ball(56)
    file = write_nifti(tmp_path / "a.nii.gz", image, oblique_affine())
    predict(run, file, output=tmp_path / "out", words=["--overlays"])
    assert (tmp_path / "out" / "overlays" / "a.png").stat().st_size > 5000


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--features"], "has no --features"),
        (["--format", "png"], "a volume takes nifti"),
    ],
)
def test_what_does_not_fit_is_told(run, tmp_path, capsys, words, told):
    image, _ = draw_ball(57)
    file = write_nifti(tmp_path / "a.nii.gz", image, oblique_affine())
    assert predict(run, file, output=tmp_path / "out", words=words) == 2
    assert told in capsys.readouterr().err


def test_missing_place_and_missing_run_are_told(run, tmp_path, capsys):
    assert predict(run, tmp_path / "nowhere", output=tmp_path / "out") == 2
    assert "no such file or folder" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert predict(tmp_path / "empty", run, output=tmp_path / "out") == 6
    assert "checkpoint" in capsys.readouterr().err
