import csv
import json

import numpy as np
import pytest
import torch
from fakes.boxed_cells import detection_experiment, draw_cells
from fakes.run_contents import everything
from fakes.stop_at import StopAt

from callbacks.checkpoint_files import read_checkpoint
from datamodules.samplers import Draw
from experiments import predict
from experiments.rows_file import read_rows
from experiments.run_folder import RunFolder
from experiments.session import resume, start
from experiments.tasks import build_data, build_module, rebuild_module


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("LIGHTBOX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LIGHTBOX_RUNS", str(tmp_path / "runs"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    root = tmp_path_factory.mktemp("cells")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIGHTBOX_CACHE", str(root / "cache"))
        patch.setenv("LIGHTBOX_RUNS", str(root / "runs"))
        yield start(detection_experiment(root / "data", epochs=12)), root / "data"


def test_run_learns_the_cells_and_scores_each_test_case_once(finished):
    folder, _ = finished
    figures = folder.metrics()["test"]
    assert figures["map_50"]["value"] > 0.6
    assert figures["map_50"]["low"] <= figures["map_50"]["value"] <= figures["map_50"]["high"]
    rows = read_rows(folder.rows / "test.json")
    assert len(rows) == figures["map_50"]["cases"]


def test_truth_is_in_pixels_of_the_files(finished):
    folder, _ = finished
    for row in read_rows(folder.rows / "test.json"):
        _, boxes = draw_cells(2 * int(row["patient_id"][1:]) + int(row["case_id"][-1]))
        expected = [[y, x, y + height, x + width] for _, x, y, width, height in boxes]
        assert sorted(row["truth"]) == sorted(map(list, expected))


def test_suppression_and_scores_are_chosen_on_validation(finished):
    point = finished[0].metrics()["operating_point"]
    assert 0.1 <= point["nms_iou"] <= 0.7
    assert set(point["scores"]) == {"disc", "square"}
    assert "candidates" not in read_rows(finished[0].rows / "test.json")[0]


def test_figures_and_report_of_a_run_are_there(finished):
    names = {path.stem for path in finished[0].figures.glob("*.png")}
    assert {"box_precision_recall", "froc", "learning_curves"} <= names
    assert finished[0].report_file.is_file()


def test_checkpoint_gives_the_same_boxes(finished):
    folder, _ = finished
    module, again = (
        rebuild_module(read_checkpoint(folder.checkpoints / "best.ckpt")) for _ in range(2)
    )
    data = build_data(folder.experiment())
    data.prepare(folder.splits_file)
    image = data.dataset(training=False).__getitems__([Draw(0)])["image"][0]
    with torch.inference_mode():
        first, second = (each.detect(image, data.cache.geometry(0)) for each in (module, again))
    assert np.array_equal(first.boxes.boxes, second.boxes.boxes)


def test_prediction_writes_the_boxes_that_evaluation_found(finished, tmp_path):
    folder, data = finished
    picture = next(iter(read_rows(folder.rows / "test.json")))
    out = tmp_path / "out"
    name = picture["case_id"].removesuffix(".png")
    code = predict.main([str(folder.path), str(data / f"{name}.png"), "--output", str(out)])
    assert code == 0
    with (out / "boxes.csv").open() as file:
        found = list(csv.DictReader(file))
    scores = {
        c: point["score"] for c, point in folder.metrics()["operating_point"]["scores"].items()
    }
    expected = [
        box
        for box, score, label in zip(
            picture["boxes"], picture["scores"], picture["labels"], strict=True
        )
        if score >= scores[("disc", "square")[label]]
    ]
    assert [[float(each["y"]), float(each["x"])] for each in found] == [
        pytest.approx(box[:2], abs=0.01) for box in expected
    ]
    coco = json.loads((out / "coco.json").read_text())
    assert len(coco["annotations"]) == len(found)


def test_stopped_run_ends_as_one_that_was_not(tmp_path):
    experiment = detection_experiment(tmp_path / "data", pictures=12)
    trainer = experiment.trainer.replace(checkpoint_every_steps=3)
    experiment = experiment.replace(trainer=trainer, name="stopped")
    whole = start(experiment)
    with pytest.raises(RuntimeError, match="stopped here"):
        start(experiment, callbacks=[StopAt(11)])
    stopped = RunFolder.open(max(whole.path.parent.iterdir(), key=lambda p: p.stat().st_mtime_ns))
    resume(stopped)
    assert everything(stopped) == everything(whole)
    assert stopped.metrics() == whole.metrics()


def test_two_patches_can_be_learned_by_heart(tmp_path):
    experiment = detection_experiment(tmp_path / "data", pictures=8)
    data = build_data(experiment)
    data.prepare()
    module = build_module(experiment, data).train()
    batch = data.dataset(training=True).__getitems__([Draw(0, 0, 2), Draw(1, 0, 5)])
    optimizer = torch.optim.Adam(module.parameters(), 1e-2)
    losses = []
    for _ in range(60):
        loss = module.compute_loss(batch)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.4 * losses[0]
