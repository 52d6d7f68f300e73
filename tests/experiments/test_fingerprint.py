from pathlib import Path

import numpy as np
import pytest
import torch
from fakes.checkpoints import Untrained, untrained
from fakes.skeletons import SkeletonSegmenter
from fakes.tiny_experiment import tiny_experiment

from callbacks.checkpoint_files import read_checkpoint, write_checkpoint
from datamodules import labelled
from datamodules.errors import CheckpointError
from datamodules.film_measures import FILMS
from datamodules.image_measures import ImageMeasures
from datamodules.input_guard import InputGuard, SeenImage
from datamodules.samplers import Draw
from experiments.fingerprint import (
    GUARD,
    guard_facts,
    guard_from,
    judge_cases,
    see_cases,
    take_fingerprint,
)
from experiments.session import start

CPU = torch.device("cpu")


def types_in(value) -> set[type]:
    """The exact types of all that a container holds."""
    inner = value.values() if isinstance(value, dict) else value
    if isinstance(value, dict | list):
        return set().union(*map(types_in, inner))
    return {type(value)}


def seen(module, data, indices) -> list[SeenImage]:
    return [image for images in see_cases(module, data, indices, CPU) for image in images]


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Untrained:
    root = tmp_path_factory.mktemp("fingerprint")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIGHTBOX_CACHE", str(root / "cache"))
        return untrained(tiny_experiment(root / "data"), root / "best.ckpt", {"1": 0.5})


def test_finished_run_keeps_the_fingerprint_with_its_best_weights(tmp_path):
    folder = start(tiny_experiment(tmp_path / "data", epochs=1))
    facts = read_checkpoint(folder.checkpoints / "best.ckpt")["lightbox"]
    guard = guard_from(facts)
    assert guard is not None
    assert guard.validated == sum(
        ",val" in line for line in folder.splits_file.read_text().splitlines()
    )
    assert facts["operating_point"]["1"]["threshold"] is not None


def test_checkpoint_gives_back_the_same_judgement(model):
    films = seen(model.module, model.data, model.data.indices("test"))
    odd = [film._replace(features=film.features * 3) for film in films]
    kept = guard_from(read_checkpoint(model.path)["lightbox"])
    taken = take_fingerprint(model.module, model.data, CPU)
    assert kept is not None
    assert taken is not None
    assert kept.judge([*films, *odd]) == taken.judge([*films, *odd])
    assert all(kept.judge(odd))


def test_fingerprint_of_films_that_are_all_alike_can_be_loaded_again(tmp_path):
    measures = ImageMeasures({name: 1.0 for name in FILMS.measures}, np.ones(256, np.float32))
    films = [SeenImage(measures, np.ones(8, np.float32), "PA")] * 10
    facts = guard_facts(InputGuard.fit(FILMS, films, films))
    assert types_in(facts) <= {torch.Tensor, str, int, float, bool}
    write_checkpoint({"state_dict": {}, "lightbox": {GUARD: facts}}, tmp_path / "best.ckpt")
    assert guard_from(read_checkpoint(tmp_path / "best.ckpt")["lightbox"]).validated == 10


def test_test_films_of_the_same_source_are_seldom_outside(model):
    guard = guard_from(read_checkpoint(model.path)["lightbox"])
    judged = judge_cases(guard, model.module, model.data, "test", CPU)
    assert len(judged) == len(model.data.indices("test"))
    assert sum(map(bool, judged.values())) <= 1


def test_features_are_those_of_the_network_in_evaluation_mode(model):
    indices = model.data.indices("val")[:3]
    batch = model.data.dataset(training=False).__getitems__([Draw(index) for index in indices])
    model.module.train()
    films = seen(model.module, model.data, indices)
    assert model.module.training
    expected = model.module.eval()(batch).features
    torch.testing.assert_close(torch.tensor([film.features.tolist() for film in films]), expected)


def test_every_image_of_an_exam_is_looked_at_by_itself(tmp_path):
    experiment = tiny_experiment(tmp_path / "data", findings=("a", "b"))
    table = tmp_path / "data" / "labels.csv"
    head, *rows = table.read_text().splitlines()
    exams = [f"{row},exam-{number // 2}" for number, row in enumerate(rows)]
    table.write_text("\n".join([f"{head},exam", *exams]) + "\n")
    reader = experiment.data.reader.replace(exam_column="exam")
    data = experiment.data.replace(reader=reader, unit="exam", table_features=("sex",))
    thresholds = {"a": 0.5, "b": 0.5}
    of_exams = untrained(experiment.replace(data=data), tmp_path / "best.ckpt", thresholds)
    indices = of_exams.data.indices("train")
    films = seen(of_exams.module, of_exams.data, indices)
    assert len(films) == 2 * len(indices)
    guard = guard_from(read_checkpoint(of_exams.path)["lightbox"])
    assert len(judge_cases(guard, of_exams.module, of_exams.data, "test", CPU)) == len(
        of_exams.data.indices("test")
    )


def test_of_many_cases_the_same_few_are_drawn(model, monkeypatch):
    monkeypatch.setattr(labelled, "MOST_JUDGED", 10)
    looked_at = []
    measure = model.data.measures_of
    monkeypatch.setattr(model.data, "measures_of", lambda n: looked_at.append(n) or measure(n))
    for _ in range(2):
        take_fingerprint(model.module, model.data, CPU)
    training = set(model.data.indices("train"))
    drawn = [index for index in looked_at if index in training]
    assert len(training) > len(set(drawn)) == 10
    assert sorted(drawn) == sorted([*set(drawn)] * 2)


def test_test_split_is_not_looked_at(model, monkeypatch):
    asked = []
    indices = model.data.indices
    monkeypatch.setattr(model.data, "indices", lambda split: asked.append(split) or indices(split))
    take_fingerprint(model.module, model.data, CPU)
    assert "test" not in asked


def test_task_of_ones_own_has_none(model):
    assert take_fingerprint(SkeletonSegmenter(), model.data, CPU) is None


def test_older_checkpoint_has_none():
    assert guard_from({"experiment": {}}) is None


@pytest.mark.parametrize("kept", [{"ranges": {}}, {"unknown": 1}, 3])
def test_fingerprint_of_another_version_is_refused(kept):
    with pytest.raises(CheckpointError, match="not written by this version"):
        guard_from({GUARD: kept})


def test_what_goes_wrong_is_logged_and_loses_no_run(model, monkeypatch, caplog):
    monkeypatch.setattr(model.data, "dataset", lambda training: Path("nothing"))
    assert take_fingerprint(model.module, model.data, CPU) is None
    assert "no fingerprint of the training data" in caplog.text
