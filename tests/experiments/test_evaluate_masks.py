"""A trained segmenter scored on datasets of other sources, at the command line."""

import csv
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from fakes.mask_files import volume_of, write_volume
from fakes.masked_slices import slice_experiment, write_slices

from datamodules.splits_file import read_splits
from experiments import evaluate, explain, predict
from experiments.run_folder import RunFolder
from experiments.session import start

SEPARATE = {"mask_name": "{structure}/{id}"}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("discs")


@pytest.fixture(scope="module")
def run(root):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIGHTBOX_CACHE", str(root / "cache"))
        patch.setenv("LIGHTBOX_RUNS", str(root / "runs"))
        return start(slice_experiment(root / "data")).path


@pytest.fixture(autouse=True)
def cache_of_the_run(root, own_folders, monkeypatch):
    monkeypatch.setenv("LIGHTBOX_CACHE", str(root / "cache"))


def evaluated(run: Path, data: Path, **reader: object) -> int:
    values = {"kind": "image-mask-folders", "root": str(data), **reader}
    if "mask_name" not in reader:
        values = {"structures": ["core=2", "disc=1"], **values}
    config = data.parent / f"{data.name}.yaml"
    config.write_text(json.dumps({"reader": values, "workers": 0}))
    return evaluate.main([str(run), "--config", str(config), "--output", str(data / "out")])


def table(data: Path) -> list[dict[str, str]]:
    with (data / "out" / "predictions.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def figures(data: Path) -> dict[str, dict[str, object]]:
    return json.loads((data / "out" / "metrics.json").read_text())["external"]


def test_dice_of_every_case_is_that_of_its_predicted_mask(run, tmp_path, capsys):
    data = tmp_path / "other"
    write_slices(data, 3, seed=9)
    assert evaluated(run, data) == 0
    masks = tmp_path / "predicted"
    assert predict.main([str(run), str(data / "images"), "--output", str(masks)]) == 0
    for row in table(data):
        found, true = (
            cv2.imread(str(place / "masks" / f"{row['case_id']}.png"), cv2.IMREAD_GRAYSCALE)
            for place in (masks, data)
        )
        for value, name in ((1, "disc"), (2, "core")):
            both = 2 * ((found == value) & (true == value)).sum()
            dice = both / ((found == value).sum() + (true == value).sum())
            assert 0 < dice < 1
            assert float(row[f"dice/{name}"]) == pytest.approx(dice, abs=1e-6)
    mean = np.mean([float(row["dice/core"]) for row in table(data)])
    assert figures(data)["dice/core"]["value"] == pytest.approx(mean, abs=1e-6)
    assert "outside_training_data" not in figures(data)
    assert "3 cases:" in capsys.readouterr().out


def test_operating_point_is_the_runs_and_the_opening_is_recorded(run, tmp_path):
    data = tmp_path / "opened"
    write_slices(data, 2, seed=9)
    assert evaluated(run, data) == 0
    point = json.loads((data / "out" / "metrics.json").read_text())["operating_point"]
    assert point == RunFolder.open(run).metrics()["operating_point"]
    opening = RunFolder.open(run).test_openings()[-1]
    assert (opening["by"], opening["split"]) == ("evaluate", "image-mask-folders")


def test_mask_of_each_structure_is_scored_as_the_label_map_is(run, tmp_path):
    write_slices(tmp_path / "map", 3, seed=9)
    write_slices(tmp_path / "separate", 3, seed=9, separate=("disc", "core"))
    assert evaluated(run, tmp_path / "map") == 0
    assert evaluated(run, tmp_path / "separate", **SEPARATE) == 0
    assert table(tmp_path / "separate") == table(tmp_path / "map")


@pytest.mark.parametrize("form", ["map", "separate"])
def test_structure_that_nobody_outlined_is_undefined(run, tmp_path, capsys, form):
    write_slices(tmp_path / "whole", 3, seed=9)
    write_slices(tmp_path / "cores", 3, seed=9, separate=("core",) * (form == "separate"))
    assert evaluated(run, tmp_path / "whole") == 0
    only = SEPARATE if form == "separate" else {"structures": ["core=2", "ring=1"]}
    assert evaluated(run, tmp_path / "cores", **only) == 0
    for row, whole in zip(table(tmp_path / "cores"), table(tmp_path / "whole"), strict=True):
        assert row["dice/disc"] == row["sensitivity/disc"] == row["hd95_px/disc"] == ""
        assert row["dice/core"] == whole["dice/core"]
    found = figures(tmp_path / "cores")
    assert found["dice/disc"]["value"] is None
    assert found["dice"]["value"] == found["dice/core"]["value"]
    notices = json.loads((tmp_path / "cores/out/metrics.json").read_text())["notices"]
    assert any("does not outline 'disc'" in notice for notice in notices)
    assert "does not outline 'disc'" in capsys.readouterr().err


def colours(data: Path) -> None:
    write_slices(data, 2, seed=9, channels=3)


def volumes(data: Path) -> None:
    mask = np.zeros((8, 8, 4), np.uint8)
    mask[2:4] = 1
    write_volume(data / "images" / "a.nii.gz", volume_of(mask, np.random.default_rng(0)))
    write_volume(data / "masks" / "a.nii.gz", mask)


def others(data: Path) -> None:
    write_slices(data, 2, seed=9)


@pytest.mark.parametrize(
    ("write", "reader", "code", "told"),
    [
        (colours, {}, 5, "case '0': it has 3 channels, and the model takes 1"),
        (volumes, {}, 5, "case 'a': it has 3 axes, and the model was trained on images of 2"),
        (others, {"structures": ["ring=1", "hub=2"]}, 5, "has masks of ring, hub, and the model"),
        (others, {"kind": "drive"}, 2, "reader.structures is not a setting"),
    ],
)
def test_dataset_that_does_not_fit_is_one_message(run, tmp_path, capsys, write, reader, code, told):
    write(tmp_path / "other")
    capsys.readouterr()
    assert evaluated(run, tmp_path / "other", **reader) == code
    said = capsys.readouterr().err
    assert told in said
    assert "Traceback" not in said
    assert not (tmp_path / "other" / "out").exists()


def test_films_with_labels_cannot_be_scored(run, tmp_path, capsys):
    write_slices(tmp_path / "films", 2, seed=9)
    (tmp_path / "films" / "labels.csv").write_text("path,label\nimages/0.png,0\nimages/1.png,1\n")
    config = tmp_path / "films.yaml"
    config.write_text(
        f"reader: {{kind: csv, root: {tmp_path / 'films'}, label_columns: [label]}}\n"
    )
    assert evaluate.main([str(run), "--config", str(config)]) == 5
    assert "labels has no masks, and the model outlines disc, core" in capsys.readouterr().err
    config.write_text("data: {kind: xrays, reader: {kind: csv}}\n")
    assert evaluate.main([str(run), "--config", str(config)]) == 2
    assert "describes xrays, and this model (segmenter) takes masks" in capsys.readouterr().err


def test_waivers_of_the_other_dataset_count(run, tmp_path, capsys):
    write_slices(tmp_path / "other", 2, seed=9)
    reader = {"kind": "image-mask-folders", "root": str(tmp_path / "other")}
    reader["structures"] = ["disc=1", "core=2"]
    settings = {"reader": reader, "geometry_waivers": ["nobody"]}
    (tmp_path / "other.yaml").write_text(json.dumps({"data": settings}))
    assert evaluate.main([str(run), "--config", str(tmp_path / "other.yaml")]) == 2
    assert "image-mask-folders has no case 'nobody'" in capsys.readouterr().err


def test_the_runs_own_dataset_is_refused(run, capsys):
    assert evaluate.main([str(run), "--config", str(run / "experiment.yaml")]) == 2
    assert "the dataset that the run was trained on" in capsys.readouterr().err


def test_copies_of_its_images_are_refused_by_name(run, root, tmp_path, capsys):
    sides = read_splits(run / "splits.csv")
    seen = [name for name, side in sides.items() if side in ("train", "val")]
    data = tmp_path / "hidden"
    write_slices(data, 3, seed=9)
    for number, name in enumerate(seen[:2]):
        shutil.copy(root / f"data/images/{name}.png", data / f"images/copy{number}.png")
        shutil.copy(root / f"data/masks/{name}.png", data / f"masks/copy{number}.png")
    assert evaluated(run, data) == 2
    said = capsys.readouterr().err
    assert "2 of 5 cases show images that the run was trained or validated on" in said
    assert "copy0, copy1" in said


def test_run_that_is_not_finished_is_told_so(run, tmp_path, capsys):
    half = shutil.copytree(run, tmp_path / "half")
    (half / "checkpoints" / "best.ckpt").unlink()
    write_slices(tmp_path / "other", 2, seed=9)
    assert evaluated(half, tmp_path / "other") == 6
    assert "no checkpoint best.ckpt" in capsys.readouterr().err


def test_a_mask_is_not_explained(run, tmp_path, capsys):
    write_slices(tmp_path, 1, seed=9)
    words = [str(run), str(tmp_path / "images"), "--output", str(tmp_path / "out")]
    assert explain.main(words) == 2
    assert "a mask is its own evidence" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
