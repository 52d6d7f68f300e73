from dataclasses import replace

import numpy as np
import pytest
import torch
from fakes.masked_volumes import draw_ball, segmentation_experiment
from fakes.run_contents import everything
from fakes.stop_at import StopAt

from callbacks.checkpoint_files import read_checkpoint
from datamodules.data_info import LabelSet, SegmentationInfo
from datamodules.errors import ConfigError
from datamodules.samplers import Draw
from experiments.rows_file import read_rows
from experiments.run_folder import RunFolder
from experiments.session import resume, start
from experiments.tasks import build_data, build_module, rebuild_module
from lightning_modules.base import Prediction
from lightning_modules.configs.segmenter import SegmenterConfig
from lightning_modules.segmenter import Segmented, Segmenter

INFO = SegmentationInfo(LabelSet(("a", "b"), exclusive=True), 1, (16, 16, 8), (1.0, 1.0, 1.5))


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("LIGHTBOX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LIGHTBOX_RUNS", str(tmp_path / "runs"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    root = tmp_path_factory.mktemp("balls")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIGHTBOX_CACHE", str(root / "cache"))
        patch.setenv("LIGHTBOX_RUNS", str(root / "runs"))
        yield start(segmentation_experiment(root / "data", epochs=10))


def test_run_learns_the_balls_and_scores_each_test_case_once(finished):
    figures = finished.metrics()["test"]
    assert figures["dice/ball"]["value"] > 0.8
    assert figures["dice"]["low"] <= figures["dice"]["value"] <= figures["dice"]["high"]
    assert figures["hd95_mm/ball"]["value"] < 5
    rows = (finished.predictions / "test.csv").read_text().splitlines()
    assert len(rows) == 1 + figures["dice"]["cases"]


def test_figures_and_report_of_a_run_are_there(finished):
    names = {path.stem for path in finished.figures.glob("*.png")}
    assert {"dice", "volume_agreement", "overlays", "learning_curves"} <= names
    assert "Masks over their images" in finished.report_file.read_text()


def test_figures_are_of_the_grid_of_the_files(finished):
    """The predicted volumes of the table are in ml of the files' voxels."""
    lines = [line.split(",") for line in (finished.predictions / "test.csv").read_text().split()]
    columns, first = lines[0], lines[1]
    row = dict(zip(columns, first, strict=True))
    patient, visit = row["case_id"].split("_")
    _, mask = draw_ball(2 * int(patient[1:]) + int(visit))
    truth_ml = (mask == 1).sum() * 1.0 * 1.2 * 1.5 / 1000
    assert float(row["truth_ml/ball"]) == pytest.approx(truth_ml, rel=1e-4)


def test_figures_are_of_the_prepared_grid_where_a_protocol_says_so(tmp_path):
    plain = segmentation_experiment(tmp_path / "data", epochs=1)
    data = plain.data.replace(scored_on="prepared")
    folder = start(plain.replace(data=data, task=plain.task.replace(centrelines=("ball",))))
    rows = read_rows(folder.rows / "test.json")
    assert all(row["spacing"] == pytest.approx([1, 1, 1.5], rel=0.05) for row in rows)
    assert {"cldice/ball", "cldice_pooled/ball"} < set(folder.metrics()["test"])
    assert "not on that of the files" in folder.report_file.read_text()


def test_checkpoint_gives_the_same_masks(finished):
    module = rebuild_module(read_checkpoint(finished.checkpoints / "best.ckpt"))
    data = build_data(finished.experiment())
    data.prepare(finished.splits_file)
    again = rebuild_module(read_checkpoint(finished.checkpoints / "best.ckpt"))
    image = data.dataset(training=False).__getitems__([Draw(0)])["image"][0]
    with torch.inference_mode():
        assert np.array_equal(module.segment(image).mask, again.segment(image).mask)


@pytest.mark.parametrize("exclusive", [True, False])
def test_masks_of_the_other_form_are_scored_structure_by_structure(exclusive):
    """Structures that exclude one another here may overlap in another dataset, or the reverse."""
    labels = LabelSet(("a", "b"), exclusive=exclusive)
    module = Segmenter(SegmenterConfig(), replace(INFO, labels=labels))
    as_map = np.array([0, 1, 1, 2, 2, 255], np.uint8).reshape(1, 6, 1, 1)
    as_channels = np.array([[0, 1, 1, 0, 0, 255], [0, 0, 0, 1, 0, 255]], np.uint8)
    as_channels = as_channels.reshape(2, 6, 1, 1)
    found, true = (as_map, as_channels) if exclusive else (as_channels, as_map)
    predicted = Segmented(np.where(found == 255, 0, found), (1.0, 1.0, 1.0), original=False)
    row = module.score_case(Prediction("case", "patient", predicted), true)
    wrong = "fp" if exclusive else "fn"  # one voxel is b in the map, and nothing in the channels
    assert row["structures"]["a"] == {"tp": 2, "fp": 0, "fn": 0, "tn": 3}
    assert row["structures"]["b"] == {"tp": 1, "fp": 0, "fn": 0, "tn": 3} | {wrong: 1}


def test_stopped_run_ends_as_one_that_was_not(tmp_path):
    experiment = segmentation_experiment(tmp_path / "data", cases=12)
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
    experiment = segmentation_experiment(tmp_path / "data", cases=8)
    data = build_data(experiment)
    data.prepare()
    module = build_module(experiment, data).train()
    batch = data.dataset(training=True).__getitems__([Draw(0, 0, 2), Draw(1, 0, 5)])
    optimizer = torch.optim.Adam(module.parameters(), 1e-2)
    losses = []
    for _ in range(40):
        loss = module.compute_loss(batch)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.25 * losses[0]


def test_wrong_number_of_tolerances_is_told():
    config = SegmenterConfig(surface_tolerance=(1.0, 2.0, 3.0))
    with pytest.raises(ConfigError, match=r"3 numbers, and there are 2 structures \(a, b\)"):
        Segmenter(config, INFO)


def test_centrelines_of_what_there_is_not_are_told():
    with pytest.raises(ConfigError, match="no structure vessel; there are a, b"):
        Segmenter(SegmenterConfig(centrelines=("vessel",)), INFO)


def test_overlapping_structures_are_decided_each_alone():
    info = SegmentationInfo(LabelSet(("a", "b"), exclusive=False), 1, (16, 16, 8), (1.0, 1.0, 1.5))
    module = Segmenter(SegmenterConfig(), info)
    logits = torch.tensor([[1.0, -1.0], [2.0, -3.0]])
    assert module.decide(logits).tolist() == [[1, 0], [1, 0]]


def test_settings_are_plain_in_the_checkpoint(finished):
    facts = read_checkpoint(finished.checkpoints / "best.ckpt")["lightbox"]
    assert SegmentationInfo.from_dict(facts["data"]).labels.names == ("ball", "shell")
