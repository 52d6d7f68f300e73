"""Bad input at the command line: one message that names case and file, an exit code, no folder."""

from pathlib import Path

import pydicom
import pytest
import torch
from fakes import xray_files
from fakes.tiny_experiment import tiny_experiment

from experiments import predict, run
from experiments.session import start


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    experiment = tiny_experiment(tmp_path / "data", epochs=1)
    (tmp_path / "tiny.yaml").write_text(experiment.to_yaml())
    return tmp_path / "data"


def edit(dataset: Path, line: int, old: str, new: str) -> None:
    table = dataset / "labels.csv"
    lines = table.read_text().splitlines()
    assert old in lines[line]
    lines[line] = lines[line].replace(old, new, 1)
    table.write_text("\n".join(lines) + "\n")


def missing_file(dataset: Path) -> None:
    (dataset / "images/003.png").unlink()


def duplicate_id(dataset: Path) -> None:
    edit(dataset, 5, "images/004.png", "images/003.png")


def label_outside_its_set(dataset: Path) -> None:
    yaml = dataset.parent / "tiny.yaml"
    yaml.write_text(yaml.read_text().replace("classes: []", "classes: ['0', '1']"))
    edit(dataset, 4, "images/003.png,1,", "images/003.png,7,")


def empty_table(dataset: Path) -> None:
    table = dataset / "labels.csv"
    table.write_text(table.read_text().splitlines()[0] + "\n")


def path_that_leaves_the_root(dataset: Path) -> None:
    edit(dataset, 4, "images/003.png", "../tiny.yaml")


def truncated_png(dataset: Path) -> None:
    film = dataset / "images/003.png"
    film.write_bytes(film.read_bytes()[:300])


def dicom_without_pixels(dataset: Path) -> None:
    film = xray_files.dicom(xray_files.ramp(40, 40, bits=12))
    del film.PixelData
    film.save_as(dataset / "images/003.png", enforce_file_format=True)
    assert pydicom.dcmread(dataset / "images/003.png").get("PixelData") is None


def patient_on_both_sides(dataset: Path) -> None:
    yaml = dataset.parent / "tiny.yaml"
    yaml.write_text(yaml.read_text().replace("split_column: ''", "split_column: split"))
    table = dataset / "labels.csv"
    head, *rows = table.read_text().splitlines()
    sides = [f"{row},{('train', 'test', 'train', 'val')[n % 4]}" for n, row in enumerate(rows)]
    table.write_text("\n".join([f"{head},split", *sides]) + "\n")


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        (missing_file, ["003", "images/003.png"]),
        (duplicate_id, ["003"]),
        (label_outside_its_set, ["7", "row"]),
        (empty_table, ["labels.csv"]),
        (path_that_leaves_the_root, ["../tiny.yaml"]),
        (truncated_png, ["003", "images/003.png"]),
        (dicom_without_pixels, ["003", "images/003.png", "pixel"]),
        (patient_on_both_sides, ["p0", "train", "test"]),
    ],
)
def test_fault_of_the_dataset_is_one_message(dataset, capsys, fault, named):
    fault(dataset)
    assert run.main(["--config", str(dataset.parent / "tiny.yaml")]) == 5
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert all(name in said for name in named), said


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    return start(tiny_experiment(tmp_path / "data", epochs=1)).path


def test_checkpoint_with_code_is_refused(trained, tmp_path, capsys):
    torch.save({"state_dict": {}, "x": Path("/")}, trained / "checkpoints/best.ckpt")
    films, output = tmp_path / "data/images", tmp_path / "out"
    assert predict.main([str(trained), str(films), "--output", str(output)]) == 6
    assert "refused" in capsys.readouterr().err
    assert not output.exists()


def test_corrupted_checkpoint_is_named(trained, tmp_path, capsys):
    best = trained / "checkpoints/best.ckpt"
    content = bytearray(best.read_bytes())
    content[len(content) // 2] ^= 1
    best.write_bytes(content)
    films, output = tmp_path / "data/images", tmp_path / "out"
    assert predict.main([str(trained), str(films), "--output", str(output)]) == 6
    assert "best.ckpt is damaged" in capsys.readouterr().err


def test_prediction_goes_on_past_bad_files(trained, tmp_path, capsys):
    films, output = tmp_path / "data/images", tmp_path / "out"
    (films / "000.png").write_text("not a film")
    (films / "001.png").write_bytes(b"")
    assert predict.main([str(trained), str(films), "--output", str(output), "--overlays"]) == 3
    failed = (output / "failures.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in failed] == ["file", "000.png", "001.png"]
    assert len((output / "predictions.csv").read_text().splitlines()) == 1 + 80 - 2
    assert len(list((output / "overlays").iterdir())) == 78
