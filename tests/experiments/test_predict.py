"""Prediction on files at the command line, with networks that were never trained."""

import csv
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from fakes import xray_files
from fakes.checkpoints import Untrained, untrained
from fakes.csv_table import write_table
from fakes.tiny_experiment import tiny_experiment

from callbacks.checkpoint_files import read_checkpoint, write_checkpoint
from datamodules.samplers import Draw
from experiments import predict

REPOSITORY = Path(__file__).parents[2]
HEAVY = ("torch", "monai", "pytorch_lightning", "pandas", "matplotlib", "timm", "cv2")


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Untrained:
    return build(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def with_table(tmp_path_factory) -> Untrained:
    return build(tmp_path_factory.mktemp("with-table"), table_features=("age", "sex"))


def build(root: Path, **settings: object) -> Untrained:
    experiment = tiny_experiment(root / "data")
    experiment = experiment.replace(data=experiment.data.replace(**settings))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIGHTBOX_CACHE", str(root / "cache"))
        return untrained(experiment, root / "best.ckpt", {"1": 0.5})


def films(model: Untrained) -> Path:
    return model.path.parent / "data" / "images"


def rows(table: Path) -> list[dict[str, str]]:
    with table.open() as file:
        return list(csv.DictReader(file))


def run(model: Untrained, *words: object) -> int:
    return predict.main([str(model.path), *map(str, words)])


def scores(model: Untrained) -> dict[str, float]:
    """Probability of every case, as the datamodule's own batch gives it."""
    cases = model.data.table.cases
    batch = model.data.dataset(training=False).__getitems__([Draw(n) for n in range(len(cases))])
    with torch.inference_mode():
        found = model.module.probabilities(model.module(batch).logits)[:, 0].tolist()
    return {f"{case.case_id}.png": score for case, score in zip(cases, found, strict=True)}


def test_files_are_predicted_as_the_datamodule_would(model, tmp_path, capsys):
    assert run(model, films(model), "--output", tmp_path, "--batch-size", 7) == 0
    table = rows(tmp_path / "predictions.csv")
    assert list(table[0]) == ["file", "probability/1", "decision", "outside_training_data"]
    expected = scores(model)
    assert [row["file"] for row in table] == sorted(expected)
    found = {row["file"]: float(row["probability/1"]) for row in table}
    assert found == pytest.approx(expected, abs=2e-6)
    assert all((row["decision"] == "1") == (found[row["file"]] >= 0.5) for row in table)
    assert "80 of 80 files predicted" in capsys.readouterr().out


def test_films_of_the_training_data_are_seldom_flagged(model, tmp_path):
    run(model, films(model), "--output", tmp_path)
    flagged = [row for row in rows(tmp_path / "predictions.csv") if row["outside_training_data"]]
    assert len(flagged) <= 2


def test_other_images_are_flagged_in_the_table_and_at_the_end(model, tmp_path, capsys):
    film = cv2.imread(str(films(model) / "003.png"), cv2.IMREAD_GRAYSCALE)
    ramp = np.linspace(0, 255, 60).astype(np.uint8)
    colours = np.stack(
        [np.tile(ramp, (40, 1)), np.tile(ramp[::-1], (40, 1)), np.full((40, 60), 99)]
    )
    noise = np.random.default_rng(0).integers(0, 256, film.shape).astype(np.uint8)
    for name, image in {
        "inverted.png": 255 - film,
        "noise.png": noise,
        "colours.png": np.moveaxis(colours, 0, -1).astype(np.uint8),
        "large.png": cv2.resize(film, (2000, 1600)),
        "unchanged.png": film,
    }.items():
        xray_files.write_image(tmp_path / "odd" / name, image)
    assert run(model, tmp_path / "odd", "--output", tmp_path / "out") == 0
    said = {r["file"]: r["outside_training_data"] for r in rows(tmp_path / "out/predictions.csv")}
    assert "mean grey" in said["inverted.png"]
    assert "spread of grey" in said["noise.png"]
    assert "width / height" in said["colours.png"]
    assert "wider than training films: width 2000 px" in said["large.png"]
    assert said["unchanged.png"] == ""
    assert "outside the training data: 4," in capsys.readouterr().out


def test_pixel_size_of_a_dicom_file_is_no_reason_when_training_did_not_know_it(model, tmp_path):
    film = cv2.imread(str(films(model) / "003.png"), cv2.IMREAD_GRAYSCALE)
    xray_files.write_dicom(tmp_path / "a.dcm", film, 8, PixelSpacing=[9, 9], ViewPosition="LL")
    assert run(model, tmp_path / "a.dcm", "--output", tmp_path / "out") == 0
    assert rows(tmp_path / "out/predictions.csv")[0]["outside_training_data"] == ""


def test_checkpoint_without_a_fingerprint_gives_no_such_column(model, tmp_path):
    checkpoint = read_checkpoint(model.path)
    del checkpoint["lightbox"]["guard"]
    write_checkpoint(checkpoint, tmp_path / "older.ckpt")
    words = [str(tmp_path / "older.ckpt"), str(films(model) / "003.png"), "--output", str(tmp_path)]
    assert predict.main(words) == 0
    assert list(rows(tmp_path / "predictions.csv")[0]) == ["file", "probability/1", "decision"]


def test_features_are_written_when_asked_for(model, tmp_path):
    assert run(model, films(model), "--output", tmp_path, "--features") == 0
    with np.load(tmp_path / "features.npz", allow_pickle=False) as kept:
        names, features = kept["file"].tolist(), kept["features"]
    assert names == [row["file"] for row in rows(tmp_path / "predictions.csv")]
    assert features.dtype == np.float32
    index = [case.case_id for case in model.data.table.cases].index("003")
    batch = model.data.dataset(training=False).__getitems__([Draw(index)])
    expected = model.module(batch).features[0].detach().numpy()
    assert features[names.index("003.png")] == pytest.approx(expected, abs=1e-4)


def test_bad_files_leave_the_others_and_their_features_in_step(model, tmp_path):
    place = tmp_path / "films"
    for number, name in enumerate(("a.png", "b.png", "c.png")):
        xray_files.write_image(place / name, xray_files.ramp(40, 40, seed=number))
    (place / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    words = (place, "--output", tmp_path / "out", "--features", "--batch-size", 1)
    assert run(model, *words) == 3
    assert [row["file"] for row in rows(tmp_path / "out/failures.csv")] == ["b.png"]
    with np.load(tmp_path / "out/features.npz", allow_pickle=False) as kept:
        assert kept["file"].tolist() == ["a.png", "c.png"]


def test_overlays_of_files_of_one_name_do_not_collide(model, tmp_path):
    place = tmp_path / "films"
    for name in ("a/b.png", "a__b.png", "a/b.png.png"):
        xray_files.write_image(place / name, xray_files.ramp(30, 50))
    assert run(model, place, "--output", tmp_path / "out", "--overlays") == 0
    drawn = sorted(str(p.relative_to(tmp_path / "out")) for p in tmp_path.rglob("out/**/*.png"))
    assert drawn == [
        "overlays/a/b.png.png__1.png",
        "overlays/a/b.png__1.png",
        "overlays/a__b.png__1.png",
    ]


def test_output_that_cannot_be_finished_leaves_no_table(model, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "overlays").write_text("a file, where a folder is to be")
    words = (films(model) / "003.png", "--output", tmp_path / "out", "--overlays")
    assert run(model, *words) == 2
    assert "cannot write to" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["overlays"]


def test_failures_of_an_attempt_that_was_broken_off_do_not_stay(model, tmp_path):
    (tmp_path / "failures.csv").write_text("file,reason\nold.png,gone\n")
    assert run(model, films(model) / "003.png", "--output", tmp_path) == 0
    assert not (tmp_path / "failures.csv").exists()


def test_model_that_is_given_a_table_asks_for_it(with_table, tmp_path, capsys):
    assert run(with_table, films(with_table), "--output", tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert "this model is given age, sex beside each image: say --table FILE.csv" in said
    assert not (tmp_path / "out").exists()


def test_table_gives_what_training_gave(with_table, tmp_path):
    cases = with_table.data.table.cases
    known = [(f"{c.case_id}.png", c.attributes["age"], c.attributes["sex"]) for c in cases]
    table = write_table(tmp_path / "known.csv", ("file", "age", "sex"), known)
    words = (films(with_table), "--output", tmp_path / "out", "--table", table)
    assert run(with_table, *words) == 0
    found = {r["file"]: float(r["probability/1"]) for r in rows(tmp_path / "out/predictions.csv")}
    assert found == pytest.approx(scores(with_table), abs=2e-6)


def test_table_changes_what_is_predicted(with_table, tmp_path):
    for name, age in (("young", 20), ("old", 90)):
        table = write_table(
            tmp_path / f"{name}.csv", ("file", "age", "sex"), [("003.png", age, "M")]
        )
        words = (films(with_table) / "003.png", "--output", tmp_path / name, "--table", table)
        assert run(with_table, *words) == 0
    young, old = (rows(tmp_path / name / "predictions.csv")[0] for name in ("young", "old"))
    assert young["probability/1"] != old["probability/1"]


def test_table_for_a_model_that_is_given_none_is_refused(model, tmp_path, capsys):
    table = write_table(tmp_path / "known.csv", ("file", "age"), [("003.png", 1)])
    assert run(model, films(model), "--output", tmp_path / "out", "--table", table) == 2
    assert "leave out --table" in capsys.readouterr().err


def test_model_of_candidates_says_that_files_are_none(tmp_path, capsys):
    experiment = tiny_experiment(tmp_path / "data")
    table = tmp_path / "data" / "labels.csv"
    head, *rest = table.read_text().splitlines()
    table.write_text("\n".join([f"{head},x,y", *(f"{row},20,20" for row in rest)]) + "\n")
    reader = experiment.data.reader.replace(candidate_columns=("x", "y"))
    data = experiment.data.replace(reader=reader)
    network = {"kind": "two-stream", "encoder": "resnet10t", "pretrained": False, "reduction": 1}
    task = experiment.task.replace(network=network)
    model = untrained(experiment.replace(data=data, task=task), tmp_path / "best.ckpt", {"1": 0.5})
    assert run(model, films(model), "--output", tmp_path / "out") == 2
    assert "this model judges candidates" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["predict", "explain"])
def test_help_and_wrong_arguments_do_not_load_torch(verb, tmp_path):
    (tmp_path / "predictions.csv").touch()
    (tmp_path / "explanations.csv").touch()
    code = (
        f"import sys; from experiments.{verb} import main\n"
        f"assert main(['RUN', 'film.png', '--output', {str(tmp_path)!r}]) == 2\n"
        "assert main(['RUN', 'film.png', '--output', 'x', '--batch-size', '0']) == 2\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        f"assert not set({HEAVY}) & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY
    )
    assert done.returncode == 0, done.stderr
