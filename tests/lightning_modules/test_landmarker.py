import csv
import json

import numpy as np
import pytest
import torch
from fakes.marked_spots import landmark_experiment, spots_of, write_spots
from fakes.run_contents import everything
from fakes.stop_at import StopAt

from callbacks.checkpoint_files import read_checkpoint
from datamodules.errors import DataError
from datamodules.landmark_info import LandmarkInfo
from datamodules.landmark_names import CasePoints
from datamodules.samplers import Draw
from experiments import evaluate, predict
from experiments.rows_file import read_rows
from experiments.run_folder import RunFolder
from experiments.session import resume, start
from experiments.tasks import build_data, build_module, rebuild_module
from lightning_modules.base import Prediction
from lightning_modules.configs.landmark_losses import BceHeatmap, NoCoordinates
from lightning_modules.configs.landmark_networks import HeatmapUNetConfig
from lightning_modules.configs.landmarker import LandmarkerConfig, LandmarkInferenceConfig
from lightning_modules.landmarker import Landmarker, pad_to
from lightning_modules.networks.heatmap_decoding import Decoded


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("LIGHTBOX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LIGHTBOX_RUNS", str(tmp_path / "runs"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    root = tmp_path_factory.mktemp("spots")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIGHTBOX_CACHE", str(root / "cache"))
        patch.setenv("LIGHTBOX_RUNS", str(root / "runs"))
        yield start(landmark_experiment(root / "data", epochs=20)), root / "data"


def test_run_learns_the_spots_and_scores_each_test_case_once(finished):
    folder, _ = finished
    figures = folder.metrics()["test"]
    assert figures["mre_px"]["value"] < 1.5
    assert figures["mre_mm"]["value"] == pytest.approx(0.5 * figures["mre_px"]["value"])
    assert figures["mre_mm"]["low"] <= figures["mre_mm"]["value"] <= figures["mre_mm"]["high"]
    assert figures["mre_mm"]["value"] < figures["mre_mm_of_mean_shape"]["value"]
    rows = read_rows(folder.rows / "test.json")
    assert len(rows) == figures["mre_mm"]["cases"]


def test_truth_is_in_pixels_of_the_files(finished):
    for row in read_rows(finished[0].rows / "test.json"):
        number = int(row["case_id"][1:3])
        expected = (spots_of(number)[:, ::-1] + 0.5).tolist()
        assert row["truth"][:2] == [pytest.approx(place, abs=1e-3) for place in expected[:2]]
        assert (row["truth"][2] is None) is (number % 7 == 6)


def test_groups_and_measures_are_reported(finished):
    figures = finished[0].metrics()["test"]
    assert figures["mre_mm/sides"]["value"] > 0
    assert figures["width_mae"]["value"] < 1.5


def test_figures_and_report_of_a_run_are_there(finished):
    names = {path.stem for path in finished[0].figures.glob("*.png")}
    assert {"learning_curves", "point_errors", "point_mistakes", "point_confidence"} <= names
    assert finished[0].report_file.is_file()


def test_prediction_writes_the_points_that_evaluation_found(finished, tmp_path):
    folder, data = finished
    row = next(iter(read_rows(folder.rows / "test.json")))
    name = row["case_id"].removesuffix(".png")
    out = tmp_path / "out"
    code = predict.main(
        [
            str(folder.path),
            str(data / f"{name}.png"),
            "--output",
            str(out),
            "--pixel-spacing-mm",
            "0.5",
        ]
    )
    assert code == 0
    with (out / "points.csv").open() as file:
        found = [[float(each["y"]) + 0.5, float(each["x"]) + 0.5] for each in csv.DictReader(file)]
    assert found == [pytest.approx(place, abs=0.01) for place in row["found"]]


def evaluated(run, data, **reader):
    values = {"kind": "points-csv", "root": str(data), "patient_column": "patient", **reader}
    config = data.parent / f"{data.name}.json"
    config.write_text(json.dumps({"reader": values, "workers": 0}))
    return evaluate.main([str(run), "--config", str(config), "--output", str(data / "out")])


def test_another_dataset_is_scored_on_the_points_that_it_has(finished, tmp_path, capsys):
    folder, _ = finished
    write_spots(tmp_path / "other", 5, first=50)
    table = tmp_path / "other" / "points.csv"
    lines = [line.split(",") for line in table.read_text().splitlines()]
    table.write_text("\n".join(",".join(cells[:6]) for cells in lines))  # without the middle
    assert evaluated(folder.path, tmp_path / "other", pixel_spacing_mm=0.5) == 0
    figures = json.loads((tmp_path / "other" / "out" / "metrics.json").read_text())["external"]
    assert figures["mre_mm"]["cases"] == 5
    assert figures["mre_mm"]["value"] < 1.5
    assert figures["mre_mm/middle"]["value"] is None
    assert figures["mre_mm/middle"]["reason"]


def test_another_dataset_without_a_spacing_is_refused_in_a_sentence(finished, tmp_path, capsys):
    write_spots(tmp_path / "other", 5, first=50)
    assert evaluated(finished[0].path, tmp_path / "other") == DataError.exit_code
    assert "has no spacing, unlike the images" in capsys.readouterr().err


def test_checkpoint_gives_the_same_points(finished):
    folder, _ = finished
    module, again = (
        rebuild_module(read_checkpoint(folder.checkpoints / "best.ckpt")) for _ in range(2)
    )
    data = build_data(folder.experiment())
    data.prepare(folder.splits_file)
    image = data.dataset(training=False).__getitems__([Draw(0)])["image"][0]
    first, second = (each.locate(image, data.cache.geometry(0)) for each in (module, again))
    assert np.array_equal(first.points, second.points)


def test_stopped_run_ends_as_one_that_was_not(tmp_path):
    experiment = landmark_experiment(tmp_path / "data", pictures=12)
    trainer = experiment.trainer.replace(checkpoint_every_steps=2)
    experiment = experiment.replace(trainer=trainer, name="stopped")
    whole = start(experiment)
    with pytest.raises(RuntimeError, match="stopped here"):
        start(experiment, callbacks=[StopAt(5)])
    stopped = RunFolder.open(max(whole.path.parent.iterdir(), key=lambda p: p.stat().st_mtime_ns))
    resume(stopped)
    assert everything(stopped) == everything(whole)
    assert stopped.metrics() == whole.metrics()


def test_two_patches_can_be_learned_by_heart(tmp_path):
    experiment = landmark_experiment(tmp_path / "data", pictures=8)
    data = build_data(experiment)
    data.prepare()
    module = build_module(experiment, data).train()
    batch = data.dataset(training=True).__getitems__([Draw(0, 0, 2), Draw(1, 0, 5)])
    optimizer = torch.optim.Adam(module.parameters(), 3e-3)
    for _ in range(80):
        optimizer.zero_grad()
        module.compute_loss(batch)["loss"].backward()
        optimizer.step()
    with torch.no_grad():
        found = module.eval()(batch["image"])
    assert (found.points - batch["points"]).norm(dim=2).nanmean() < 0.5


class _Grid:
    """The geometry of a case that is as its file is."""

    shape, original_spacing = (64, 80), (1.0, 1.0)

    def restore_points(self, points):
        return points


def module_of(config: LandmarkerConfig, *, whole: bool = True, mirror: bool = False) -> Landmarker:
    info = LandmarkInfo(
        ("left", "right"), 1, (32, 32), (1.0, 1.0), whole=whole, has_spacing=False,
        mirror_axis=1 if mirror else None, swapped=(1, 0), mean_points=((0.5, 0.5), ()),
    )  # fmt: skip
    torch.manual_seed(0)
    return Landmarker(config, info).eval()


def test_large_images_are_put_together_from_windows():
    network = HeatmapUNetConfig(heatmap_loss=BceHeatmap(), coordinate_loss=NoCoordinates())
    module = module_of(LandmarkerConfig(network=network), whole=False)
    module.network.unet.forward = lambda images: torch.cat((images, -images), 1)
    image = torch.zeros(1, 64, 80)
    image[0, 50, 70] = 9
    image[0, 10, 20] = -9
    found = module.locate(image, _Grid())
    assert found.points[0] == pytest.approx([50.5, 70.5], abs=0.6)
    assert found.points[1] == pytest.approx([10.5, 20.5], abs=0.6)


def test_a_mirror_image_is_brought_back_with_its_names():
    inference = LandmarkInferenceConfig(mirror=True)
    module = module_of(LandmarkerConfig(inference=inference), mirror=True)
    seen = []

    def locate(images):
        seen.append(images)
        places = torch.tensor([[[10.0, 20.0], [12.0, 50.0]]])
        if len(seen) == 2:  # the mirror image: names are those of the mirrored sides
            places = torch.tensor([[[12.0, 30.0], [10.0, 60.0]]])
        return Decoded(places, torch.tensor([[0.5, 1.0]]))

    module.network.locate = locate
    found = module.locate(torch.arange(80.0).expand(1, 64, 80), _Grid())
    assert seen[1].equal(seen[0].flip(3))
    assert found.points.tolist() == [[10, 20], [12, 50]]
    assert found.confidence.tolist() == [0.75, 0.75]


def test_a_row_has_places_at_the_scale_of_its_file():
    module = module_of(LandmarkerConfig())
    found = module.locate(torch.zeros(1, 64, 80), _Grid())

    truth = CasePoints(
        np.array([[1, 2], [np.nan, np.nan]], np.float32),
        {"second": np.array([[3, 4], [5, 6]], np.float32)},
        outside=(),
    )
    row = module.score_case(Prediction("c", "p", found), truth)
    assert row["usual"] == [[32, 40], None]
    assert row["truth"] == [[1, 2], None]
    assert row["readings"] == {"second": [[3, 4], [5, 6]]}


def test_small_images_lie_in_the_middle_of_a_patch():
    image = torch.ones(1, 5, 8)
    padded, margins = pad_to(image, (8, 6))
    assert padded.shape == (1, 8, 8)
    assert margins.tolist() == [1, 0]
    assert padded[0, 1:6].equal(image[0])
    assert padded.sum() == image.sum()
