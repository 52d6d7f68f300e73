"""A landmarker of volumes on files of its own: places in mm, whatever the axes of the file."""

import csv
import json

import numpy as np
import pytest
from fakes.csv_table import write_table
from fakes.volume_files import oblique_affine, write_nifti

from datamodules.configs.landmarks import LandmarksConfig
from datamodules.configs.volume_preprocessing import VolumePreprocessing
from datamodules.readers.points_csv import PointsCsvReader
from experiments.configs.logging import LoggingConfig
from experiments.configs.trainer import TrainerConfig
from experiments.experiment import Experiment
from experiments.predict import main
from experiments.session import start
from lightning_modules.configs.landmark_measures import DistanceConfig
from lightning_modules.configs.landmark_networks import HeatmapUNetConfig
from lightning_modules.configs.landmarker import LandmarkerConfig
from lightning_modules.configs.optimizers import AdamWConfig
from lightning_modules.configs.segmentation_networks import UNetConfig

SIZE = (18, 16, 14)
AFFINE = oblique_affine((1.5, 1.0, 1.2), seed=2)


def draw_balls(number):
    """A bright and a dark ball: the volume, and their middles in voxels, ``(2, 3)``."""
    rng = np.random.default_rng(number)
    middles = np.array([rng.uniform((3, 5, 4), (6, 10, 9)), rng.uniform((11, 5, 4), (14, 10, 9))])
    grid = np.moveaxis(np.indices(SIZE), 0, -1)
    volume = rng.normal(0, 3, SIZE)
    for middle, height in zip(middles, (100, -100), strict=True):
        volume += height * np.exp(-((grid - middle) ** 2).sum(-1) / 6)
    return volume.astype(np.float32), middles


def in_mm(middles):
    return middles @ AFFINE[:3, :3].T + AFFINE[:3, 3]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root, rows = tmp_path_factory.mktemp("balls"), []
    for number in range(16):
        volume, middles = draw_balls(number)
        write_nifti(root / "data" / f"v{number}.nii.gz", volume, AFFINE)
        rows.append((f"v{number}.nii.gz", number, *in_mm(middles).ravel()))
    columns = [f"{name}_{axis}" for name in ("bright", "dark") for axis in "xyz"]
    write_table(root / "data" / "points.csv", ["image", "patient", *columns], rows)
    experiment = Experiment(
        name="balls",
        data=LandmarksConfig(
            reader=PointsCsvReader(
                root=str(root / "data"), patient_column="patient", point_space="ras-mm"
            ),
            preprocessing=VolumePreprocessing(crop_to_nonzero=False, spacing_mm=(1.2, 1.2, 1.2)),
            patch=(24, 16, 16),
            batch_size=2,
            batches_per_epoch=8,
            workers=0,
        ),
        task=LandmarkerConfig(
            network=HeatmapUNetConfig(
                unet=UNetConfig(base_features=4, max_features=16, deep_supervision=False)
            ),
            optimizer=AdamWConfig(lr=5e-3),
            measures=(DistanceConfig(name="apart", between=("bright", "dark")),),
        ),
        trainer=TrainerConfig(max_epochs=4),
        logging=LoggingConfig(wandb="off", bootstrap_samples=100),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIGHTBOX_CACHE", str(root / "cache"))
        patch.setenv("LIGHTBOX_RUNS", str(root / "runs"))
        return start(experiment).path


def predict(run, *places, output, words=()):
    return main([str(run), *map(str, places), "--output", str(output), *words])


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def found_in(folder, file):
    own = [row for row in rows(folder / "points.csv") if row["file"] == file]
    return np.array([[float(row[f"{axis}_mm"]) for axis in "xyz"] for row in own])


def test_points_are_in_mm_to_the_right_to_the_front_and_up(run, tmp_path):
    for number in range(40, 46):
        write_nifti(tmp_path / "in" / f"v{number}.nii", draw_balls(number)[0], AFFINE)
    assert predict(run, tmp_path / "in", output=tmp_path / "out") == 0
    away = [
        found_in(tmp_path / "out", f"v{number}")[0] - in_mm(draw_balls(number)[1])[0]
        for number in range(40, 46)
    ]
    # of the ball that is learned first, in a volume that is 32 mm long
    assert np.median(np.linalg.norm(away, axis=1)) < 1.5


def test_axes_of_the_file_make_no_difference(run, tmp_path):
    volume, _ = draw_balls(50)
    write_nifti(tmp_path / "in" / "straight.nii", volume, AFFINE)
    flip = np.diag([-1.0, 1, 1, 1])
    flip[0, 3] = SIZE[0] - 1
    turned = np.ascontiguousarray(volume[::-1].transpose(1, 0, 2))
    write_nifti(tmp_path / "in" / "turned.nii", turned, AFFINE @ flip @ np.eye(4)[:, [1, 0, 2, 3]])
    assert predict(run, tmp_path / "in", output=tmp_path / "out", words=("--overlays",)) == 0
    straight, turned = (found_in(tmp_path / "out", name) for name in ("straight", "turned"))
    np.testing.assert_allclose(straight, turned, atol=0.01)
    one, other = rows(tmp_path / "out" / "predictions.csv")
    assert float(one["apart_mm"]) == pytest.approx(float(other["apart_mm"]), abs=0.01)
    assert float(one["apart_mm"]) == pytest.approx(np.linalg.norm(straight[1] - straight[0]), 1e-3)
    assert len(list((tmp_path / "out" / "overlays").iterdir())) == 2


def test_markups_are_the_same_places_in_lps(run, tmp_path):
    write_nifti(tmp_path / "in" / "a.nii.gz", draw_balls(51)[0], AFFINE)
    predict(run, tmp_path / "in", output=tmp_path / "out")
    (markup,) = json.loads((tmp_path / "out" / "markups" / "a.mrk.json").read_text())["markups"]
    places = np.array([point["position"] for point in markup["controlPoints"]])
    np.testing.assert_allclose(places * (-1, -1, 1), found_in(tmp_path / "out", "a"), atol=2e-3)


def test_a_spacing_of_pixels_is_refused(run, tmp_path, capsys):
    write_nifti(tmp_path / "a.nii", draw_balls(52)[0], AFFINE)
    words = ("--pixel-spacing-mm", "1")
    assert predict(run, tmp_path / "a.nii", output=tmp_path / "out", words=words) == 2
    assert "is of flat images" in capsys.readouterr().err
