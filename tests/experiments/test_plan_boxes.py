import logging
from math import prod

import numpy as np
import pytest
import yaml
from fakes.boxed_cells import detection_experiment
from fakes.boxed_statistics import statistics

from datamodules.configs.boxes import BoxesConfig
from datamodules.configs.volume_preprocessing import CtWindow, VolumePreprocessing
from datamodules.readers.boxes_csv import BoxesCsvReader
from experiments.command_line import Start, parse_run
from experiments.experiment import Experiment
from experiments.plan import main
from experiments.planned_boxes import plan_boxes
from experiments.tasks import build_data, build_module
from experiments.yaml_comments import commented_yaml
from lightning_modules.configs.detection_networks import (
    FasterRCNNConfig,
    GridConfig,
    RetinaNetConfig,
)
from lightning_modules.configs.detector import DetectorConfig
from lightning_modules.networks.anchor_recall import anchor_recall

SMALL = {"base_features": 8, "pyramid_features": 16}
NETWORK = ("task", "network")


@pytest.fixture
def config(tmp_path):
    experiment = detection_experiment(tmp_path / "data")
    path = tmp_path / "cells.yaml"
    task = experiment.task.replace(network=RetinaNetConfig(**SMALL))
    path.write_text(experiment.replace(task=task).to_yaml())
    return str(path)


def planned(found, network=None, memory_gb=8.0, **preprocessing):
    experiment = Experiment(
        name="fake",
        data=BoxesConfig(
            reader=BoxesCsvReader(), preprocessing=VolumePreprocessing(**preprocessing)
        ),
        task=DetectorConfig(network=network or RetinaNetConfig(**SMALL)),
    )
    return plan_boxes(experiment, found, memory_gb)


def test_plan_is_a_file_that_run_takes(config, tmp_path, capsys):
    output = tmp_path / "planned.yaml"
    assert main(["--config", config, "--output", str(output)]) == 0
    request = parse_run(["--config", str(output)])
    assert isinstance(request, Start)
    data, network = request.experiment.data, request.experiment.task.network
    assert (data.patch, data.preprocessing.spacing_mm) == ((64, 64), (1.0, 1.0))
    assert (network.finest_stride, network.levels, network.most_boxes) == (8, 3, 300)


def test_what_is_planned_can_be_learned_and_its_anchors_find_what_was_said(
    config, tmp_path, capsys
):
    output = tmp_path / "planned.yaml"
    assert main(["--config", config, "--output", str(output)]) == 0
    said = capsys.readouterr().err
    experiment = Experiment.from_yaml(output)
    data = build_data(experiment)
    data.prepare()
    module = build_module(experiment, data)
    (recall,) = anchor_recall(data.info.box_sizes, module.network.anchors)
    assert str(recall) in said
    assert str(recall) in output.read_text().replace("\n# ", " ")
    batch = next(iter(data.train_dataloader()))
    assert batch["image"].shape == (experiment.data.batch_size, 3, 64, 64)
    module.compute_loss(batch)["loss"].backward()


def test_small_memory_makes_windows(config, tmp_path):
    output = tmp_path / "planned.yaml"
    words = ["--memory-gb", "0.01", "--output", str(output)]
    assert main(["--config", config, *words]) == 0
    experiment = Experiment.from_yaml(output)
    assert experiment.task.inference.windows
    assert prod(experiment.data.patch) < 64 * 64
    assert experiment.data.batch_size == 2


def test_maps_reach_from_small_objects_to_large_ones():
    """Strides 4 to 32 look for 16 to 128 pixels."""
    plan = planned(statistics((512, 512), [(8, 8), (20, 20), (130, 130)]))
    network = plan.experiment.task.network
    assert (network.finest_stride, network.levels) == (4, 4)
    assert "objects of about 16, 32, 64, 128 voxels" in plan.reasons[*NETWORK, "levels"]


def test_shapes_that_differ_get_more_anchors():
    """Four shapes of one size; one between two of them would have an IoU of 1/3 with both."""
    shapes = [(4, 256), (16, 64), (64, 16), (256, 4)]
    alike, unlike = (
        planned(statistics((256, 256), sides)) for sides in ([(32, 32)] * 4, shapes * 4)
    )
    assert alike.experiment.task.network.anchors == 3
    assert unlike.experiment.task.network.anchors == 4
    assert "100.0% of boxes" in unlike.reasons[*NETWORK, "anchors"]


def test_boxes_that_are_kept_follow_the_densest_image():
    plan = planned(statistics((512, 512), [(16, 16)] * 150))
    assert plan.experiment.task.network.most_boxes == 600
    assert "densest training image has 150 objects" in plan.reasons[*NETWORK, "most_boxes"]
    assert "150 objects of one: there it cannot reach 1" in plan.notes[3]


def test_published_weights_of_a_detector_keep_their_maps_and_anchors(tmp_path):
    weights = tmp_path / "coco.pth"
    weights.touch()
    network = FasterRCNNConfig(
        encoder="resnet50", levels=4, pyramid_features=256, hidden=1024, coco_weights=str(weights)
    )
    plan = planned(statistics((64, 64), [(16, 16)]), network)
    assert plan.experiment.task.network == network.replace(finest_stride=4)
    assert (*NETWORK, "levels") not in plan.reasons


def test_detector_without_anchors_says_what_anchors_could_find(caplog):
    caplog.set_level(logging.INFO, "lightbox")
    logging.getLogger("lightbox").propagate = True
    plan = planned(statistics((128, 128), [(16, 16)]), GridConfig(**SMALL))
    assert not any("anchors" in path for path in plan.reasons)
    assert "The grid detector has no anchors" in caplog.text
    assert "torchvision's Faster R-CNN, fitted to nothing" in plan.notes[-2]


def test_a_window_that_somebody_has_chosen_stays_and_another_is_measured():
    found = statistics((48, 48, 32), [(8, 8, 8)], spacing=(1.0, 1.0, 1.5))
    own = CtWindow(low=-1000, high=400, mean=-600, std=400)
    kept = planned(found, normalisation=own).experiment.data.preprocessing
    assert kept.normalisation == own
    measured = planned(found, normalisation=CtWindow()).experiment.data.preprocessing
    assert measured.normalisation.mean == pytest.approx(np.arange(100).mean())


@pytest.mark.parametrize(
    "found",
    [
        statistics((200, 300), [(20, 30)]),
        statistics((3000, 2000), [(9, 9)]),
        statistics((60, 60), [(2, 3)]),
        statistics((96, 96, 40), [(8, 8, 4)], spacing=(0.8, 0.8, 2.0)),
    ],
)
@pytest.mark.parametrize("network", [RetinaNetConfig(**SMALL), GridConfig(**SMALL)])
def test_the_file_reads_back_and_has_a_reason_for_each_planned_value(found, network):
    plan = planned(found, network, memory_gb=0.5)
    text = commented_yaml(plan.experiment, plan.reasons, plan.notes)
    assert Experiment.model_validate(yaml.safe_load(text)) == plan.experiment
    assert text.count("# Planned: ") == len(plan.reasons)
    names = {path[-1] for path in plan.reasons}
    assert names >= {"spacing_mm", "patch", "batch_size", "levels", "finest_stride", "windows"}


def test_single_boxes_are_not_planned(config, capsys):
    words = ["--task.network.kind", "single-box", "--task.monitor", "iou"]
    assert main(["--config", config, *words]) == 2
    assert "planning is for detectors of several objects" in capsys.readouterr().err


def test_dimensions_are_of_segmentations(config, capsys):
    assert main(["--config", config, "--dimensions", "2"]) == 2
    message = capsys.readouterr().err
    assert "--dimensions is for segmentation" in message
    assert "slices" not in message


def test_a_dataset_without_boxes_is_refused(config, tmp_path, capsys):
    table = tmp_path / "data" / "boxes.csv"
    rows = {line.split(",")[0]: line for line in table.read_text().splitlines()[1:]}
    empty = [f"{name},,,,,,{line.rpartition(',')[2]}" for name, line in rows.items()]
    table.write_text("\n".join([table.read_text().splitlines()[0], *empty]) + "\n")
    assert main(["--config", config, "--output", str(tmp_path / "planned.yaml")]) != 0
    assert "has no boxes, and a detector needs some" in capsys.readouterr().err
    assert not (tmp_path / "planned.yaml").exists()


def test_memory_that_holds_nothing_is_one_message(config, capsys):
    assert main(["--config", config, "--memory-gb", "1e-9"]) == 2
    assert "--memory-gb is too little" in capsys.readouterr().err
