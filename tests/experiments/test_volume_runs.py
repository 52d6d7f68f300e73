"""Volume classification from files to figures, and a trained one on files of its own."""

import csv
import json
import shutil

import nibabel
import numpy as np
import pytest
from fakes.labelled_volumes import draw_volume, volume_experiment
from fakes.volume_files import oblique_affine, write_nifti, write_series

from datamodules.configs.volumes import (
    CroppedFit,
    PatchesFit,
    ResizedFit,
    VolumeCandidateCrops,
)
from datamodules.splits_file import read_splits
from experiments import evaluate, explain, predict
from experiments.experiment import Experiment
from experiments.fingerprint import judge_cases
from experiments.session import start
from experiments.tasks import build_data
from experiments.trained import TrainedModel, load_predictor
from lightning_modules.configs.volume_networks import SliceNetworkConfig

FITS = {
    "resize": ResizedFit(size=(16, 16, 16)),
    "crop": CroppedFit(size=(16, 16, 16)),
    "patches": PatchesFit(size=(12, 12, 8), per_volume=3, foreground="otsu"),
}


@pytest.fixture(scope="module", params=FITS)
def run(request, tmp_path_factory):
    root = tmp_path_factory.mktemp(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIGHTBOX_CACHE", str(root / "cache"))
        patch.setenv("LIGHTBOX_RUNS", str(root / "runs"))
        return start(volume_experiment(root / "data", fit=FITS[request.param])).path


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def folder_of(run):
    return run.parents[2] / "data"


def test_run_leaves_figures_and_a_report_behind(run):
    figures = json.loads((run / "metrics.json").read_text())["test"]
    assert 0 <= figures["auroc"]["value"] <= 1
    assert (run / "figures" / "mistakes.png").is_file()
    page = (run / "report.html").read_text()
    assert "3D resnet-10 of 4 features" in page
    assert "test volumes" in page
    assert "thumbnail of 12" in page


def test_files_are_predicted_as_the_final_evaluation_did(run, tmp_path):
    words = [str(run), str(folder_of(run)), "--output", str(tmp_path / "out"), "--batch-size", "5"]
    assert predict.main(words) == 0
    found = {row["file"]: row for row in rows(tmp_path / "out" / "predictions.csv")}
    for row in rows(run / "predictions" / "test.csv"):
        own = found[row["case_id"]]
        assert float(own["probability/ball"]) == pytest.approx(
            float(row["probability/ball"]), abs=1e-5
        )
        assert own["decision"] == row["decision"]


def test_damaged_file_is_listed_and_the_others_are_predicted(run, tmp_path):
    whole = (folder_of(run) / "v01.nii.gz").read_bytes()
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "cut.nii.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "in" / "good.nii.gz").write_bytes(whole)
    words = [str(run), str(tmp_path / "in"), "--output", str(tmp_path / "out")]
    assert predict.main(words) == 3
    assert [row["file"] for row in rows(tmp_path / "out" / "failures.csv")] == ["cut"]
    assert [row["file"] for row in rows(tmp_path / "out" / "predictions.csv")] == ["good"]


def test_series_is_predicted_as_the_same_volume_in_nifti(run, tmp_path):
    image = np.rint(draw_volume(71)).astype(np.int16)
    affine = oblique_affine((1.0, 1.2, 1.5), seed=4)
    write_nifti(tmp_path / "in" / "flat.nii.gz", image, affine)
    write_series(tmp_path / "in" / "series", image, affine)
    words = [str(run), str(tmp_path / "in"), "--output", str(tmp_path / "out")]
    assert predict.main(words) == 0
    flat, series = rows(tmp_path / "out" / "predictions.csv")
    assert float(flat["probability/ball"]) == pytest.approx(
        float(series["probability/ball"]), abs=2e-3
    )


def test_file_is_judged_as_its_cached_case(run, monkeypatch):
    monkeypatch.setenv("LIGHTBOX_CACHE", str(run.parents[2] / "cache"))
    checkpoint = run / "checkpoints" / "best.ckpt"
    predictor, model = load_predictor(checkpoint), TrainedModel.load(checkpoint)
    data = build_data(Experiment.from_yaml(run / "experiment.yaml"))
    data.prepare(run / "splits.csv")
    judged = judge_cases(predictor.guard, model.module, data, "test", model.device)
    files = predictor.find([folder_of(run)])
    batches = predictor.predict_files(files, predictor.cases(files, None), batch_size=50)
    films = [film for batch in batches for film in batch.films]
    assert len(films) == 24
    of_case = {case.case_id: index for index, case in enumerate(data.table.cases)}
    for film in films:
        found, _ = predictor.measures_of(film.prepared, film.case)
        ((cached, _),) = data.measures_of(of_case[film.name])
        assert found.values == cached.values
        assert np.array_equal(found.thumbnail, cached.thumbnail)
    outside = {film.name: film.outside for film in films}
    assert {name: outside[name] for name in judged} == judged
    assert sum(map(bool, outside.values())) <= 2


def test_unusual_file_is_flagged_wherever_it_is_used(run, tmp_path):
    image = -np.repeat(draw_volume(73), 3, axis=2)
    write_nifti(tmp_path / "odd.nii.gz", image, oblique_affine((1.0, 1.2, 6.0), seed=2))
    for verb, table in ((predict, "predictions.csv"), (explain, "explanations.csv")):
        words = [str(run), str(tmp_path / "odd.nii.gz"), "--output", str(tmp_path / table)]
        assert verb.main(words + ["--all-labels"] * (verb is explain)) == 0
        (row,) = rows(tmp_path / table / table)
        said = row["outside_training_data"]
        assert "longer than training volumes: down-up extent" in said
        assert "of coarser voxels than training volumes: down-up spacing 6.000 mm" in said


def test_evidence_lies_on_the_grid_of_the_file(run, tmp_path):
    file = folder_of(run) / "v03.nii.gz"
    words = [str(run), str(file), "--all-labels", "--arrays", "--output", str(tmp_path / "out")]
    assert explain.main(words) == 0
    (row,) = rows(tmp_path / "out" / "explanations.csv")
    image, found = nibabel.load(file), nibabel.load(tmp_path / "out" / row["array"])
    assert found.shape == image.shape
    assert np.allclose(found.affine, image.affine, atol=1e-5)
    values = np.asarray(found.dataobj)
    assert 0 <= values.min() <= values.max() <= 1
    if row["peak_i"]:
        assert values[tuple(int(row[f"peak_{axis}"]) for axis in "ijk")] == values.max()
    assert (tmp_path / "out" / row["overlay"]).is_file()


def test_external_dataset_is_scored_and_seen_patients_are_refused(run, tmp_path, monkeypatch):
    monkeypatch.setenv("LIGHTBOX_CACHE", str(run.parents[2] / "cache"))
    data = volume_experiment(tmp_path / "other", cases=44).data
    for number in range(24):  # the patients and images that training has seen
        (tmp_path / "other" / f"v{number:02d}.nii.gz").unlink()
    table = tmp_path / "other" / "volumes.csv"
    head, *lines = table.read_text().splitlines()
    table.write_text("\n".join([head, *lines[24:]]) + "\n")
    config = tmp_path / "other.yaml"
    config.write_text(json.dumps({"reader": data.reader.model_dump(mode="json"), "workers": 0}))
    words = [str(run), "--config", str(config), "--output", str(tmp_path / "out")]
    assert evaluate.main(words) == 0
    found = rows(tmp_path / "out" / "predictions.csv")
    assert len(found) == 20
    figures = json.loads((tmp_path / "out" / "metrics.json").read_text())["external"]
    share = sum(bool(row["outside_training_data"]) for row in found) / 20
    assert figures["outside_training_data"]["value"] == share <= 0.25
    trained = next(
        name for name, split in read_splits(run / "splits.csv").items() if split == "train"
    )
    shutil.copy(folder_of(run) / f"{trained}.nii.gz", tmp_path / "other" / "v24.nii.gz")
    words[-1] = str(tmp_path / "again")
    assert evaluate.main(words) != 0


def test_candidates_in_volumes_are_cases_of_their_own(tmp_path, capsys):
    experiment = volume_experiment(tmp_path / "data", cases=24)
    table = tmp_path / "data" / "volumes.csv"
    head, *lines = table.read_text().splitlines()
    placed = [f"{line},{9 + n % 3},8,6" for n, line in enumerate(lines)]
    table.write_text("\n".join([f"{head},i,j,k", *placed]) + "\n")
    reader = experiment.data.reader.replace(candidate_columns=("i", "j", "k"))
    crops = VolumeCandidateCrops(point_mm=6)
    data = experiment.data.replace(reader=reader, candidates=crops)
    run = start(experiment.replace(data=data)).path
    assert len(rows(run / "predictions" / "test.csv")) > 0
    assert (run / "figures" / "mistakes.png").is_file()
    words = [str(run), str(tmp_path / "data"), "--output", str(tmp_path / "out")]
    assert predict.main(words) == 2
    assert "this model judges candidates" in capsys.readouterr().err


def test_slices_are_trained_and_explained(tmp_path):
    experiment = volume_experiment(tmp_path / "data", cases=24)
    network = SliceNetworkConfig(encoder="resnet10t", pretrained=False)
    task = experiment.task.replace(network=network)
    run = start(experiment.replace(task=task)).path
    file = tmp_path / "data" / "v01.nii.gz"
    words = [str(run), str(file), "--all-labels", "--output", str(tmp_path / "out")]
    assert explain.main(words) == 0
    assert len(rows(tmp_path / "out" / "explanations.csv")) == 1


def test_voxels_that_are_no_numbers_are_listed_and_the_others_are_predicted(run, tmp_path):
    good = folder_of(run) / "v01.nii.gz"
    (tmp_path / "in").mkdir()
    shutil.copy(good, tmp_path / "in" / "good.nii.gz")
    image = nibabel.load(good)
    values = image.get_fdata().astype(np.float32)
    values[0, 0, 0] = np.nan
    nibabel.save(nibabel.Nifti1Image(values, image.affine), tmp_path / "in" / "nan.nii.gz")
    words = [str(run), str(tmp_path / "in"), "--output", str(tmp_path / "out")]
    assert predict.main(words) == 3
    assert [row["file"] for row in rows(tmp_path / "out" / "failures.csv")] == ["nan"]
