"""Every network on every kind of case, from files to figures."""

import csv
import json

import numpy as np
import pytest
import torch
from fakes.tiny_experiment import tiny_experiment

from callbacks.checkpoint_files import read_checkpoint
from datamodules.errors import ConfigError
from experiments.session import start
from experiments.tasks import build_data, build_module


def with_network(experiment, **settings):
    network = {**experiment.task.network.model_dump(), **settings}
    return experiment.replace(task=experiment.task.replace(network=network))


def with_data(experiment, **settings):
    return experiment.replace(data=experiment.data.replace(**settings))


def add_columns(root, names, values):
    table = root / "labels.csv"
    head, *rows = list(csv.reader(table.open()))
    with table.open("w", newline="") as file:
        csv.writer(file).writerows(
            [[*head, *names], *([*row, *values(n, row)] for n, row in enumerate(rows))]
        )


def two_stream(experiment):
    return with_network(experiment, kind="two-stream", reduction=1, details=2, detail_share=0.5)


def attention_map(experiment, root):
    return with_network(experiment, kind="attention-map")


def details(experiment, root):
    return two_stream(experiment)


def table_features(experiment, root):
    return with_data(experiment, table_features=("age", "sex"))


def exams(experiment, root):
    add_columns(root, ["exam"], lambda n, row: [f"exam-{row[2]}"])
    rows = list(csv.reader((root / "labels.csv").open()))
    of_exam = {row[5]: row[1] for row in rows[1:]}
    with (root / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([rows[0], *([r[0], of_exam[r[5]], *r[2:]] for r in rows[1:])])
    reader = experiment.data.reader.replace(exam_column="exam")
    return with_data(experiment, reader=reader, unit="exam")


def candidates(experiment, root):
    add_columns(root, ["x", "y"], lambda n, row: [10 + n % 20, 20])
    reader = experiment.data.reader.replace(candidate_columns=("x", "y"))
    crops = experiment.data.candidates.replace(point_px=16, context=2)
    return two_stream(with_data(experiment, reader=reader, candidates=crops))


@pytest.mark.parametrize(
    ("change", "cases"),
    [(attention_map, 80), (details, 80), (table_features, 80), (exams, 40), (candidates, 80)],
)
def test_run_ends_with_one_prediction_a_case(tmp_path, change, cases):
    root = tmp_path / "data"
    folder = start(change(tiny_experiment(root, epochs=1), root))
    splits = list(csv.DictReader((folder.path / "splits.csv").open()))
    predicted = list(csv.DictReader((folder.path / "predictions/test.csv").open()))
    assert len(splits) == cases
    assert {row["case_id"] for row in predicted} == {
        row["case_id"] for row in splits if row["split"] == "test"
    }
    errors = [(float(r["probability/1"]) - float(r["truth/1"])) ** 2 for r in predicted]
    brier = json.loads((folder.path / "metrics.json").read_text())["test"]["brier"]["value"]
    assert brier == pytest.approx(np.mean(errors), abs=1e-5)
    assert read_checkpoint(folder.checkpoints / "best.ckpt")["lightbox"]["operating_point"]


@pytest.mark.parametrize("change", [attention_map, details, table_features, exams, candidates])
def test_batch_overfits(tmp_path, change):
    torch.manual_seed(0)
    experiment = change(tiny_experiment(tmp_path / "data", patients=8), tmp_path / "data")
    data = build_data(experiment)
    data.prepare()
    module = build_module(experiment, data).train()
    batch = next(iter(data.val_dataloader())) | {"case_id": [], "patient_id": []}
    optimizer = torch.optim.AdamW(module.parameters(), lr=3e-3)
    first = module.compute_loss(batch)["loss"].item()
    for _ in range(15):
        optimizer.zero_grad()
        module.compute_loss(batch)["loss"].backward()
        optimizer.step()
    assert module.compute_loss(batch)["loss"].item() < 0.5 * first


def test_frozen_encoder_stays_as_it_is_through_a_whole_training(tmp_path):
    experiment = tiny_experiment(tmp_path / "data", epochs=1)
    experiment = with_network(experiment, encoder_training="frozen")
    torch.manual_seed(experiment.seed)
    data = build_data(experiment)
    data.prepare()
    before = build_module(experiment, data).network.encoder.state_dict()
    after = read_checkpoint(start(experiment).checkpoints / "last.ckpt")["state_dict"]
    same = [torch.equal(after[f"network.encoder.{name}"], value) for name, value in before.items()]
    assert all(same)
    assert same


def test_candidates_ask_for_two_streams(tmp_path):
    root = tmp_path / "data"
    plain = tiny_experiment(root)
    with pytest.raises(ConfigError, match=r"--task\.network\.kind two-stream"):
        start(candidates(plain, root).replace(task=plain.task))


def test_details_of_a_candidate_travel_beside_its_context(tmp_path):
    root = tmp_path / "data"
    data = build_data(candidates(tiny_experiment(root, patients=8), root))
    data.prepare()
    batch = next(iter(data.val_dataloader()))
    assert batch["image"].shape == batch["detail"].shape
    assert not torch.equal(batch["image"], batch["detail"])


def test_images_of_an_exam_stay_together(tmp_path):
    root = tmp_path / "data"
    data = build_data(exams(tiny_experiment(root, patients=12), root))
    data.prepare()
    batch = next(iter(data.val_dataloader()))
    cases = len(batch["target"])
    assert batch["case_of"].tolist() == np.repeat(np.arange(cases), 2).tolist()
    assert len(batch["image"]) == 2 * cases
