"""A small X-ray experiment through every stage, as a user of the Python API runs it."""

import csv
import json

import pytest
import pytorch_lightning as pl
import torch
from fakes.tiny_experiment import tiny_experiment

from callbacks.checkpoint_files import read_checkpoint
from callbacks.metrics_log import read_metrics
from datamodules.errors import CheckpointError, ConfigError, DataError
from experiments.run_folder import RunFolder
from experiments.session import resume, start
from experiments.tasks import build_data, build_module, rebuild_module


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> RunFolder:
    root = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIGHTBOX_RUNS", str(root / "runs"))
        patch.setenv("LIGHTBOX_CACHE", str(root / "cache"))
        return start(tiny_experiment(root / "data", epochs=3))


def test_run_folder_holds_all_that_the_design_lists(finished):
    present = {str(p.relative_to(finished.path)) for p in finished.path.rglob("*") if p.is_file()}
    assert {
        "experiment.yaml", "environment.json", "splits.csv", "status.json", "run.log",
        "metrics.jsonl", "checkpoints/last.ckpt", "checkpoints/previous.ckpt",
        "checkpoints/best.ckpt", "predictions/val.csv", "predictions/test.csv", "metrics.json",
        "rows/val.json", "rows/test.json",
        "figures/roc.png", "figures/learning_curves.png", "report.html",
    } <= present  # fmt: skip
    assert finished.status()["state"] == "finished"


def test_no_patient_is_on_two_sides(finished):
    sides: dict[str, set[str]] = {}
    with finished.splits_file.open() as file:
        for row in csv.DictReader(file):
            sides.setdefault(row["patient_id"], set()).add(row["split"])
    assert all(len(splits) == 1 for splits in sides.values())


def test_every_figure_has_an_interval_and_its_n(finished):
    figure = finished.metrics()["test"]["auroc"]
    assert figure["low"] <= figure["value"] <= figure["high"]
    with (finished.predictions / "test.csv").open() as file:
        assert figure["cases"] == len(list(csv.DictReader(file)))


def test_reported_accuracy_is_that_of_the_prediction_table(finished):
    with (finished.predictions / "test.csv").open() as file:
        rows = list(csv.DictReader(file))
    right = [(float(r["probability/1"]) >= 0.5) == (r["truth/1"] == "1") for r in rows]
    assert finished.metrics()["test"]["accuracy"]["value"] == pytest.approx(sum(right) / len(right))


def test_trivial_baselines_are_scored_on_the_same_cases(finished):
    found, network = finished.metrics()["baselines"], finished.metrics()["test"]["auroc"]
    assert found["acquisition"]["features"] == ["age", "sex"]
    for name in ("acquisition", "thumbnail"):
        figures = found[name]["test"]
        gap = network["value"] - figures["auroc"]["value"]
        assert figures["difference"]["value"] == pytest.approx(gap)
        assert figures["difference"]["cases"] == network["cases"]


def test_operating_point_is_frozen_in_the_checkpoint(finished):
    facts = read_checkpoint(finished.checkpoints / "best.ckpt")["lightbox"]
    assert facts["operating_point"] == finished.metrics()["operating_point"]


def test_checkpoint_names_no_place_on_this_machine(finished):
    raw = (finished.checkpoints / "last.ckpt").read_bytes()
    reader = finished.experiment().data.reader
    assert str(reader.root).encode() not in raw
    assert str(finished.path).encode() not in raw


def test_rebuilt_module_predicts_as_the_run_did(finished):
    module = rebuild_module(read_checkpoint(finished.checkpoints / "best.ckpt"))
    data = build_data(finished.experiment())
    data.prepare(finished.splits_file)
    batch = data.on_before_batch_transfer(next(iter(data.test_dataloader())), 0)
    with torch.inference_mode():
        scores = {p.case_id: p.value[0] for p in module.predict_cases(batch)}
    with (finished.predictions / "test.csv").open() as file:
        table = {r["case_id"]: float(r["probability/1"]) for r in csv.DictReader(file)}
    assert all(scores[case] == pytest.approx(table[case], abs=2e-6) for case in scores)


def test_experiment_file_repeats_the_run_bit_for_bit(finished):
    again = start(finished.experiment())
    first = read_checkpoint(finished.checkpoints / "last.ckpt")["state_dict"]
    second = read_checkpoint(again.checkpoints / "last.ckpt")["state_dict"]
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert again.metrics() == finished.metrics()


def test_module_and_data_of_ones_own_take_the_same_road(tmp_path):
    experiment = tiny_experiment(tmp_path / "data", epochs=1)
    data = build_data(experiment)
    data.prepare()
    module = build_module(experiment, data)
    module.network.head[0].p = 0.5
    folder = start(experiment, module=module, data=data)
    assert "auroc" in folder.metrics()["test"]
    assert folder.report_file.exists()


def test_each_opening_of_test_is_in_the_ledger(finished):
    assert [opening["split"] for opening in finished.test_openings()] == ["test"]


def test_finished_run_is_not_opened_again(finished, capsys):
    resume(finished)
    assert "is finished" in capsys.readouterr().out
    assert len(finished.test_openings()) == 1


def test_others_of_a_finished_run_end_as_its_leading_process_does(finished, monkeypatch):
    for name, value in {
        "SLURM_STEP_NUM_TASKS": "2",
        "SLURM_JOB_ID": "9",
        "SLURM_STEP_ID": "0",
        "SLURM_PROCID": "1",
        "SLURM_LOCALID": "1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    experiment = finished.experiment()
    two = experiment.replace(trainer=experiment.trainer.replace(devices=2))
    monkeypatch.setattr(finished, "experiment", lambda: two)
    resume(finished)  # and does not wait for a preparation that never comes
    assert finished.status()["state"] == "finished"


def test_checkpoint_and_tracker_see_nothing_of_the_cluster(finished):
    experiment = finished.experiment()
    secret = experiment.replace(slurm=experiment.slurm.replace(setup=("export KEY=secret",)))
    assert "secret" not in str(secret.public())
    assert (
        "slurm" not in read_checkpoint(finished.checkpoints / "best.ckpt")["lightbox"]["experiment"]
    )


def test_log_has_a_row_for_every_epoch(finished):
    validated = [
        r["epoch"] for r in read_metrics(finished.metrics_log) if "val/auroc" in r["values"]
    ]
    assert validated == [0, 1, 2]


def test_two_batches_can_be_learned_by_heart(tmp_path):
    experiment = tiny_experiment(tmp_path, epochs=1)
    data = build_data(experiment)
    data.prepare()
    module = build_module(experiment, data).train()
    batches = [batch for batch, _ in zip(data.train_dataloader(), range(2), strict=False)]
    optimizer = torch.optim.Adam(module.parameters(), 3e-3)
    for _ in range(30):
        for batch in batches:
            optimizer.zero_grad()
            loss = module.compute_loss(batch)["loss"]
            loss.backward()
            optimizer.step()
    assert loss < 0.05


def test_missing_dataset_leaves_no_run_folder(tmp_path):
    experiment = tiny_experiment(tmp_path / "data")
    (tmp_path / "data" / "labels.csv").unlink()
    with pytest.raises(DataError, match=r"labels\.csv"):
        start(experiment)
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").rglob("status.json"))


def test_run_that_trained_but_lost_its_checkpoints_is_not_begun_anew(finished, tmp_path):
    folder = RunFolder.create(finished.experiment())
    folder.update_status(state="failed")
    folder.metrics_log.write_text('{"step": 1, "epoch": 0, "values": {}}\n')
    with pytest.raises(ConfigError, match="no checkpoint to go on from"):
        resume(folder)


def test_checkpoint_of_another_run_is_refused(finished):
    folder = RunFolder.create(finished.experiment())
    folder.checkpoints.mkdir()
    folder.update_status(state="training")
    (folder.checkpoints / "last.ckpt").hardlink_to(finished.checkpoints / "last.ckpt")
    with pytest.raises(CheckpointError, match="does not belong to this run"):
        resume(folder)
    assert folder.status()["state"] == "failed"


def test_dataset_that_changed_since_the_start_is_refused(tmp_path):
    experiment = tiny_experiment(tmp_path / "data", epochs=1)
    folder = start(experiment)
    table = tmp_path / "data" / "labels.csv"
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:-1]))
    folder.update_status(state="training")
    with pytest.raises(DataError, match="not the one that the run was started on"):
        resume(folder)


def test_run_that_failed_before_it_trained_begins_when_resumed(tmp_path):
    experiment = tiny_experiment(tmp_path / "data", epochs=1)
    folder = RunFolder.create(experiment)
    folder.update_status(state="interrupted")
    resume(folder)
    assert folder.status()["state"] == "finished"


def test_image_that_went_to_another_patient_is_refused_at_a_resume(tmp_path):
    experiment = tiny_experiment(tmp_path / "data", epochs=1)
    folder = start(experiment)
    table = tmp_path / "data" / "labels.csv"
    table.write_text(table.read_text().replace(",p1,", ",p0,"))
    folder.update_status(state="training")
    with pytest.raises(DataError, match="changed their patient"):
        resume(folder)


def test_settings_edited_between_attempts_are_refused(tmp_path):
    folder = start(tiny_experiment(tmp_path / "data", epochs=1))
    text = folder.experiment_file.read_text()
    folder.experiment_file.write_text(text.replace("lr: 0.003", "lr: 0.004"))
    folder.update_status(state="training")
    with pytest.raises(CheckpointError, match="differs in settings"):
        resume(folder)


def test_interrupt_is_kept_as_such(tmp_path):
    class Interrupt(pl.Callback):
        def on_train_batch_start(self, *arguments):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start(tiny_experiment(tmp_path / "data"), callbacks=[Interrupt()])
    (folder,) = (tmp_path / "runs").glob("*/*")
    assert RunFolder.open(folder).status()["state"] == "interrupted"


@pytest.mark.parametrize(
    ("section", "name", "value", "message"),
    [
        ("task", "monitor", "auorc", "did you mean auroc"),
        ("task", "network", {"kind": "timm", "encoder": "resnet81"}, "no encoder 'resnet81'"),
        ("task", "init_from", "nowhere.ckpt", "no checkpoint at nowhere"),
        ("data", "labels", ("Nodul",), "no finding 'Nodul'"),
    ],
)
def test_fault_of_a_setting_leaves_no_run_folder(tmp_path, section, name, value, message):
    experiment = tiny_experiment(tmp_path / "data")
    settings = getattr(experiment, section).replace(**{name: value})
    with pytest.raises(ConfigError, match=message):
        start(experiment.replace(**{section: settings}))
    assert not list(tmp_path.glob("runs/*/*"))


def test_training_cases_of_one_class_only_are_refused(tmp_path):
    experiment = tiny_experiment(tmp_path / "data")
    table = tmp_path / "data" / "labels.csv"
    head, *rows = table.read_text().splitlines()
    for number, row in enumerate(rows):
        path, _, *rest = row.split(",")
        side = ("val", "test")[number % 4 // 2] if number < 40 else "train"
        label = number % 2 if number < 40 else 1
        rows[number] = ",".join([path, str(label), *rest, side])
    table.write_text("\n".join([f"{head},split", *rows]) + "\n")
    reader = experiment.data.reader.replace(split_column="split")
    with pytest.raises(DataError, match="no negative case in train"):
        start(experiment.replace(data=experiment.data.replace(reader=reader)))


def test_loss_that_is_no_number_stops_and_names_the_cases(tmp_path):
    from callbacks.finite_loss import DivergedError

    experiment = tiny_experiment(tmp_path / "data")
    optimizer = experiment.task.optimizer.replace(lr=1e30, encoder_lr=None)
    task = experiment.task.replace(optimizer=optimizer)
    trainer = experiment.trainer.replace(clip_gradient_norm=None)
    with pytest.raises(DivergedError, match="cases of the batch"):
        start(experiment.replace(task=task, trainer=trainer))


def test_weights_of_another_run_are_taken_but_for_the_head(finished, tmp_path):
    from experiments.initial_weights import initialise

    experiment = tiny_experiment(tmp_path / "data", findings=("a", "b"))
    data = build_data(experiment)
    data.prepare()
    module = build_module(experiment, data)
    told = initialise(module, finished.path)
    theirs = read_checkpoint(finished.checkpoints / "best.ckpt")["state_dict"]
    assert "network.head.1.weight" in told
    first = "encoder.layer1.0.conv1.weight"
    assert torch.equal(module.network.get_parameter(first), theirs[f"network.{first}"])


def test_environment_names_versions_and_revision(finished):
    environment = json.loads(finished.environment_file.read_text())["attempts"][0]
    assert environment["packages"]["torch"] == torch.__version__.split("+")[0] or torch.__version__
    assert "commit" in environment["revision"]
