"""Slide classification from files to figures, and a trained one on files of its own."""

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from fakes import slides
from fakes.labelled_slides import FEATURES, slide_experiment
from safetensors.torch import save_file

from datamodules.configs.slides import FeatureBags, TileBags
from datamodules.errors import ConfigError, DataError
from datamodules.readers.tile_features import FeaturesReader
from experiments import check, evaluate, explain, predict, prepare
from experiments.session import start
from experiments.tasks import build_data
from lightning_modules.configs.bag_networks import MeanPoolingConfig
from lightning_modules.configs.losses import OrdinalConfig

BAGS = {"features": FEATURES, "tiles": TileBags(evaluated=24)}


@pytest.fixture(scope="module", params=BAGS)
def run(request, tmp_path_factory):
    root = tmp_path_factory.mktemp(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIGHTBOX_CACHE", str(root / "cache"))
        patch.setenv("LIGHTBOX_RUNS", str(root / "runs"))
        return start(slide_experiment(root / "data", bags=BAGS[request.param])).path


@pytest.fixture(autouse=True)
def _folders(tmp_path, monkeypatch):
    monkeypatch.setenv("LIGHTBOX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LIGHTBOX_RUNS", str(tmp_path / "runs"))


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def slides_of(run):
    return run.parents[2] / "data" / "slides"


def test_run_leaves_figures_and_a_report_behind(run):
    figures = json.loads((run / "metrics.json").read_text())["test"]
    assert 0 <= figures["auroc"]["value"] <= 1
    for name in ("mistakes", "attention", "attention_tiles"):
        assert (run / "figures" / f"{name}.png").is_file()
    page = (run / "report.html").read_text()
    assert "gated attention over tiles" in page
    assert "32 \N{MULTIPLICATION SIGN} 32 pixels at 2 um" in page
    assert "test slides" in page


def test_slides_are_predicted_as_the_final_evaluation_did(run, tmp_path):
    words = [str(run), str(slides_of(run)), "--output", str(tmp_path / "out")]
    assert predict.main(words) == 0
    found = {row["file"]: row for row in rows(tmp_path / "out" / "predictions.csv")}
    for row in rows(run / "predictions" / "test.csv"):
        own = found[f"{row['case_id']}.tif"]
        assert float(own["probability/tumour"]) == pytest.approx(
            float(row["probability/tumour"]), abs=1e-5
        )
        assert own["decision"] == row["decision"]
        assert own["outside_training_data"] is not None


def test_damaged_slide_is_listed_and_the_others_are_predicted(run, tmp_path):
    shutil.copytree(slides_of(run), tmp_path / "in")
    first, second, *others = sorted((tmp_path / "in").iterdir())
    first.write_bytes(first.read_bytes()[:2000])
    for path in others:
        path.unlink()
    assert predict.main([str(run), str(tmp_path / "in"), "--output", str(tmp_path / "out")]) == 3
    assert [row["file"] for row in rows(tmp_path / "out" / "failures.csv")] == [first.name]
    assert [row["file"] for row in rows(tmp_path / "out" / "predictions.csv")] == [second.name]


def test_attention_is_drawn_and_opens_in_qupath(run, tmp_path):
    slide = next(slides_of(run).glob("s01*"))
    words = [str(run), str(slide), "--output", str(tmp_path / "out"), "--all-labels"]
    assert explain.main(words) == 0
    [row] = rows(tmp_path / "out" / "explanations.csv")
    assert row["method"] == "attention"
    picture = tmp_path / "out" / row["overlay"]
    assert picture.is_file()
    content = json.loads(picture.with_suffix(".geojson").read_text())
    tiles = [f for f in content["features"] if f["properties"]["objectType"] == "tile"]
    strongest = max(tiles, key=lambda tile: next(iter(tile["properties"]["measurements"].values())))
    corner = np.array(strongest["geometry"]["coordinates"][0]).min(0).tolist()
    assert corner == [int(row["peak_x"]), int(row["peak_y"])]


def test_grad_cam_is_not_for_tiles(run, tmp_path, capsys):
    slide = next(slides_of(run).iterdir())
    words = [str(run), str(slide), "--output", str(tmp_path), "--method", "grad-cam"]
    assert explain.main(words) == 2
    assert "tiles have a value each" in capsys.readouterr().err


def renamed(root, prefix):
    """Give slides and patients other names, and return the settings that read them."""
    for path in (root / "slides").iterdir():
        path.rename(path.with_name(f"{prefix}_{path.name}"))
    table = root / "labels.csv"
    header, *lines = table.read_text().splitlines()
    table.write_text(
        "\n".join([header, *(f"{prefix}_{line}".replace(",p", ",q") for line in lines)])
    )
    config = root.with_suffix(".yaml")
    config.write_text(
        f"reader:\n  kind: slides-csv\n  root: {root}\n  table: labels.csv\n"
        "  label_columns: [label]\n  classes: [normal, tumour]\n  patient_column: patient\n"
    )
    return str(config)


def test_another_set_of_slides_is_scored(run, tmp_path):
    config = renamed(slides.write(tmp_path / "other", patients=6, seed=1000), "other")
    words = [str(run), "--config", config, "--output", str(tmp_path / "out")]
    assert evaluate.main(words) == 0
    assert len(rows(tmp_path / "out" / "predictions.csv")) == 8


def features_experiment(root, tables, **data):
    made = slide_experiment(root, **data)
    reader = FeaturesReader(
        root=str(tables),
        table="labels.csv",
        label_columns=("label",),
        classes=("normal", "tumour"),
        patient_column="patient",
    )
    return made.replace(data=made.data.replace(reader=reader))


def stored_features(tmp_path):
    """Slides, and a folder with the files of their features and the same table."""
    data = build_data(slide_experiment(tmp_path / "data"))
    data.prepare()
    folder = tmp_path / "features"
    folder.mkdir()
    shutil.copy(tmp_path / "data" / "labels.csv", folder)
    for case, files in zip(data.table.cases, data.bags.files, strict=True):
        shutil.copy(files[0], folder / f"{case.case_id}.safetensors")
    return data, folder


def test_our_own_feature_files_train_alike(tmp_path):
    data, folder = stored_features(tmp_path)
    again = build_data(features_experiment(tmp_path / "data", folder))
    again.prepare()
    np.testing.assert_array_equal(again.bags.rows(3), data.bags.rows(3))
    assert again.info.feature_mean == data.info.feature_mean


def test_slides_of_a_patient_are_one_bag(tmp_path):
    data = build_data(slide_experiment(tmp_path / "data", unit="patient"))
    data.prepare()
    case = next(n for n, case in enumerate(data.table.cases) if case.case_id == "p00")
    assert len(data.bags.slides(case)) == 2
    assert data.bags.lengths[case] == sum(len(s.features) for s in data.bags.slides(case))
    start(slide_experiment(tmp_path / "data", unit="patient", epochs=1))


def faulty(tmp_path, change):
    made = slide_experiment(tmp_path / "data")
    table = tmp_path / "data" / "labels.csv"
    table.write_text(change(table.read_text()))
    return made


def test_two_labels_of_one_patient_are_named(tmp_path):
    made = faulty(tmp_path, lambda text: text.replace("s00b,normal", "s00b,tumour"))
    made = made.replace(data=made.data.replace(unit="patient"))
    with pytest.raises(DataError, match="patient 'p00': class is 'normal' and 'tumour'"):
        start(made)


def test_label_of_an_absent_slide_is_named(tmp_path):
    made = faulty(tmp_path, lambda text: text + "gone,normal,p99,A\n")
    with pytest.raises(DataError, match="gone"):
        start(made)


def test_every_fault_of_slides_is_in_one_report(tmp_path, capsys):
    made = slide_experiment(tmp_path / "data")
    names = sorted((tmp_path / "data" / "slides").glob("*.tif"))
    names[0].write_bytes(names[0].read_bytes()[:3000])
    blank = np.full((512, 512, 3), 244, np.uint8)
    slides.write_image(names[1], blank)
    slides.write_image(names[2], blank, um_per_pixel=None)
    (tmp_path / "my.yaml").write_text(made.to_yaml())
    assert check.main(["--config", str(tmp_path / "my.yaml")]) == 5
    said = capsys.readouterr().out
    for name, word in ((names[0], ""), (names[1], "tissue"), (names[2], "assumed-um-per-pixel")):
        assert name.stem in said
        assert word in said


def test_bad_slides_are_named_and_the_features_of_others_kept(tmp_path):
    made = slide_experiment(tmp_path / "data")
    names = sorted((tmp_path / "data" / "slides").glob("*.tif"))
    names[0].write_bytes(names[0].read_bytes()[:3000])
    with pytest.raises(DataError, match=f"1 of {len(names)} slides") as error:
        start(made)
    assert names[0].stem in str(error.value)
    kept = list(Path(tmp_path / "cache" / "slide-features").glob("*/*.safetensors"))
    assert len(kept) == len(names) - 1


def test_stored_features_have_no_encoder_to_train(tmp_path):
    made = slide_experiment(tmp_path / "data")
    network = made.task.network.replace(encoder_training="frozen")
    with pytest.raises(ConfigError, match=r"--data\.bags\.kind tiles"):
        start(made.replace(task=made.task.replace(network=network)))


def test_two_classes_are_no_grades(tmp_path):
    made = slide_experiment(tmp_path / "data", ordered=True)
    with pytest.raises(ConfigError, match=r"--data\.ordered"):
        start(made.replace(task=made.task.replace(loss=OrdinalConfig())))


def test_an_encoder_without_its_file_is_named(tmp_path):
    bags = FeatureBags(encoder="resnet10t", weights=str(tmp_path / "no.safetensors"))
    with pytest.raises(ConfigError, match=r"no\.safetensors"):
        start(slide_experiment(tmp_path / "data", bags=bags))


def test_patients_with_ready_features_are_one_bag(tmp_path):
    data, folder = stored_features(tmp_path)
    grouped = build_data(features_experiment(tmp_path / "data", folder, unit="patient"))
    grouped.check()
    grouped.prepare()
    assert len(grouped.table.cases) == 12
    assert grouped.bags.lengths.sum() == data.bags.lengths.sum()


def test_weights_of_a_file_go_with_the_run_folder_alone(tmp_path, capsys):
    torch.manual_seed(1)
    weights = tmp_path / "encoder.safetensors"
    save_file(timm.create_model("resnet10t", num_classes=0).state_dict(), weights)
    bags = FeatureBags(encoder="resnet10t", weights=str(weights), tiles_at_once=32)
    run = start(slide_experiment(tmp_path / "data", bags=bags, epochs=1)).path
    slide = str(tmp_path / "data" / "slides" / "s01a.tif")
    assert predict.main([str(run), slide, "--output", str(tmp_path / "out")]) == 0
    alone = tmp_path / "alone.ckpt"
    shutil.copy(run / "checkpoints" / "best.ckpt", alone)
    assert predict.main([str(alone), slide, "--output", str(tmp_path / "no")]) == 2
    assert "the weights of a local file" in capsys.readouterr().err
    save_file(timm.create_model("resnet10t", num_classes=0).state_dict(), weights)
    assert predict.main([str(run), slide, "--output", str(tmp_path / "other")]) == 2


def test_copies_of_training_slides_are_no_external_set(tmp_path, capsys):
    run = start(slide_experiment(tmp_path / "data", epochs=1)).path
    shutil.copytree(tmp_path / "data", tmp_path / "copy")
    config = renamed(tmp_path / "copy", "copy")
    assert evaluate.main([str(run), "--config", config, "--output", str(tmp_path / "out")]) != 0
    assert "copy_s" in capsys.readouterr().err


def test_what_would_do_nothing_is_refused(tmp_path):
    made = slide_experiment(tmp_path / "data")
    mean = made.task.replace(network=MeanPoolingConfig(), tile_loss=0.5)
    with pytest.raises(ConfigError, match="mean pooling"):
        start(made.replace(task=mean))
    misspelt = made.data.replace(bags=FeatureBags(encoder="resnet10"))
    with pytest.raises(ConfigError, match="no encoder 'resnet10'"):
        start(made.replace(data=misspelt))


def test_two_processes_train_one_slide_classifier(tmp_path):
    made = slide_experiment(tmp_path / "data", epochs=1)
    (tmp_path / "my.yaml").write_text(made.to_yaml())
    words = ["--config", str(tmp_path / "my.yaml"), "--trainer.devices", "2"]
    command = [sys.executable, "-m", "experiments.run", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_sheets_show_what_counts_as_tissue(tmp_path, capsys):
    (tmp_path / "my.yaml").write_text(slide_experiment(tmp_path / "data").to_yaml())
    sheets = tmp_path / "sheets"
    assert prepare.main(["--config", str(tmp_path / "my.yaml"), "--sheets", str(sheets)]) == 0
    said = capsys.readouterr().out
    assert "15 slides, " in said
    assert "15 sheets: " in said
    assert len(list(sheets.glob("s*.png"))) == 15


def test_feature_files_are_predicted_by_a_model_trained_on_such(tmp_path):
    _, folder = stored_features(tmp_path)
    run = start(features_experiment(tmp_path / "data", folder, epochs=1)).path
    words = [str(run), str(folder), "--output", str(tmp_path / "out")]
    assert predict.main(words) == 0
    assert len(rows(tmp_path / "out" / "predictions.csv")) == 15
    assert explain.main([*words[:3], str(tmp_path / "why"), "--all-labels"]) == 0
    [first, *_] = rows(tmp_path / "why" / "explanations.csv")
    assert (tmp_path / "why" / first["overlay"]).suffix == ".geojson"


def test_grades_have_a_kappa(tmp_path):
    made = faulty(tmp_path, lambda text: re.sub(r"(s0[37].,)tumour", r"\1high", text))
    reader = made.data.reader.replace(classes=("normal", "tumour", "high"))
    graded = made.replace(
        data=made.data.replace(reader=reader, ordered=True),
        task=made.task.replace(loss=OrdinalConfig(), monitor="quadratic_kappa"),
    )
    run = start(graded)
    assert "quadratic_kappa" in run.metrics()["val"]
    assert "Quadratic kappa" in run.report_file.read_text()
