"""Where a network looks in files, at the command line; the networks were never trained."""

import csv
from pathlib import Path

import numpy as np
import pytest
from fakes import xray_files
from fakes.checkpoints import Untrained, untrained
from fakes.tiny_experiment import tiny_experiment
from PIL import Image

from datamodules.cases import Case
from experiments import explain
from experiments.film_evidence import FilmEvidence
from experiments.overlays import RED
from experiments.predicted_files import PredictedFile
from lightning_modules.configs.xray_networks import AttentionMapNetworkConfig

FINDINGS = ("disc", "big ring", "none of it")
THRESHOLDS = {"disc": 0.0, "big ring": 1.1, "none of it": 0.0}
"""Disc and none of it are always called present, big ring never."""


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Untrained:
    return build(tmp_path_factory.mktemp("timm"))


@pytest.fixture(scope="module")
def with_map(tmp_path_factory) -> Untrained:
    network = AttentionMapNetworkConfig(encoder="resnet10t", pretrained=False)
    return build(tmp_path_factory.mktemp("attention-map"), network=network)


def build(root: Path, **settings: object) -> Untrained:
    experiment = tiny_experiment(root / "data", findings=FINDINGS)
    experiment = experiment.replace(task=experiment.task.replace(**settings))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIGHTBOX_CACHE", str(root / "cache"))
        return untrained(experiment, root / "best.ckpt", THRESHOLDS)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return xray_files.write_image(tmp_path / "sub" / "film.png", xray_files.ramp(30, 50))


def run(model: Untrained, film: Path, *words: object) -> int:
    place = film.parents[1]
    arguments = [place / "sub", "--output", place / "out", *words]
    return explain.main([str(model.path), *map(str, arguments)])


def rows(film: Path, name: str = "explanations.csv") -> list[dict[str, str]]:
    with (film.parents[1] / "out" / name).open() as file:
        return list(csv.DictReader(file))


def test_labels_that_are_called_present_are_drawn(model, film, capsys):
    assert run(model, film) == 0
    assert [(row["file"], row["label"]) for row in rows(film)] == [
        ("film.png", "disc"),
        ("film.png", "none of it"),
    ]
    assert "1 of 1 files explained" in capsys.readouterr().out


def test_labels_can_be_named_or_all_be_drawn(model, film):
    assert run(model, film, "--label", "big ring") == 0
    assert [row["label"] for row in rows(film)] == ["big ring"]
    (film.parents[1] / "out" / "explanations.csv").unlink()
    assert run(model, film, "--all-labels") == 0
    assert [row["label"] for row in rows(film)] == [*FINDINGS]


def test_picture_and_array_have_the_geometry_of_the_file(with_map, film):
    assert run(with_map, film, "--label", "disc", "--arrays") == 0
    (row,) = rows(film)
    out = film.parents[1] / "out"
    picture = np.asarray(Image.open(out / row["overlay"]))
    values = np.load(out / row["array"], allow_pickle=False)
    assert picture.shape == (30, 50, 3)
    assert (values.shape, values.dtype) == ((30, 50), np.float32)
    assert float(row["share_above_half"]) == pytest.approx((values > 0.5).mean(), abs=1e-6)
    peak = (int(row["peak_y"]), int(row["peak_x"]))
    assert values[peak] == values.max() > 0


def test_file_outside_the_training_data_says_so_on_the_picture(model, film):
    assert run(model, film, "--label", "disc") == 0
    (row,) = rows(film)
    assert "width / height" in row["outside_training_data"]
    picture = np.asarray(Image.open(film.parents[1] / "out" / row["overlay"]))
    assert (picture[0, 0] == RED).all()


def test_file_like_those_of_training_bears_no_warning(model, tmp_path):
    films = model.path.parent / "data" / "images"
    words = [str(model.path), str(films / "003.png"), "--output", str(tmp_path), "--label", "disc"]
    assert explain.main(words) == 0
    picture = np.asarray(Image.open(tmp_path / "overlays" / "003.png__disc.png"))
    assert not (picture[0, 0] == RED).all()


def test_method_is_the_attention_map_where_there_is_one(model, with_map, film):
    assert run(with_map, film, "--label", "disc") == 0
    assert rows(film)[0]["method"] == "attention-map"
    (film.parents[1] / "out" / "explanations.csv").unlink()
    assert run(with_map, film, "--label", "disc", "--method", "grad-cam") == 0
    assert rows(film)[0]["method"] == "grad-cam"
    (film.parents[1] / "out" / "explanations.csv").unlink()
    assert run(model, film, "--label", "disc") == 0
    assert rows(film)[0]["method"] == "grad-cam"


def test_map_without_evidence_has_no_peak():
    film = PredictedFile(Case("a", "a", {}), None, [0.3], np.zeros(2), ())
    empty = FilmEvidence(film, "disc", 0.3, "grad-cam", np.zeros((2, 3), np.float32))
    assert (empty.peak, empty.share_above_half) == ({"peak_x": "", "peak_y": ""}, 0)


def test_attention_map_is_the_probability_at_every_place(with_map, film):
    assert run(with_map, film, "--label", "disc", "--arrays") == 0
    values = np.load(film.parents[1] / "out" / rows(film)[0]["array"], allow_pickle=False)
    assert 0 < values.min() <= values.max() < 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--label", "big rin"), "no label 'big rin'; did you mean big ring?"),
        (("--method", "attention-map"), "this network makes no attention map"),
        (("--table", "known.csv"), "leave out --table"),
    ],
)
def test_wrong_arguments_are_one_message_and_leave_no_folder(model, film, capsys, words, message):
    assert run(model, film, *words) == 2
    assert message in capsys.readouterr().err
    assert not (film.parents[1] / "out").exists()


def test_bad_files_are_listed_and_the_others_drawn(model, film):
    (film.parent / "bad.png").write_text("not a film")
    assert run(model, film, "--label", "disc") == 3
    assert [row["file"] for row in rows(film)] == ["film.png"]
    assert [row["file"] for row in rows(film, "failures.csv")] == ["bad.png"]


def test_files_with_nothing_present_are_counted(tmp_path, capsys):
    experiment = tiny_experiment(tmp_path / "data")
    never = untrained(experiment, tmp_path / "best.ckpt", {"1": 1.1})
    film = xray_files.write_image(tmp_path / "sub" / "film.png", xray_files.ramp(30, 50))
    assert run(never, film) == 0
    assert "no label is called present in 1 of them" in capsys.readouterr().out
    assert rows(film) == []
