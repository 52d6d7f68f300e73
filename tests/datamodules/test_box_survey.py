import csv

import numpy as np
import pytest
from fakes.box_files import write_luna16
from fakes.boxed_cells import COLUMNS, detection_experiment
from fakes.csv_table import write_table
from fakes.mask_files import write_image

from datamodules.box_survey import BoxSurvey
from datamodules.boxes import BoxesData
from datamodules.configs.boxes import BoxesConfig
from datamodules.errors import ConfigError, DataError
from datamodules.readers.boxes_csv import BoxesCsvReader
from datamodules.readers.luna16 import Luna16Reader


def surveyed(config, seed=0) -> BoxSurvey:
    survey = BoxSurvey(config, seed)
    survey.check()
    survey.prepare()
    return survey


@pytest.fixture
def config(tmp_path):
    return detection_experiment(tmp_path / "data").data


def test_sizes_are_those_that_a_run_fits_anchors_to(config):
    finer = config.replace(preprocessing=config.preprocessing.replace(spacing_mm=(0.5, 2.0)))
    run = BoxesData(finer)
    run.check()
    run.prepare()
    found = surveyed(config).measure()
    assert np.allclose(found.sides_at((0.5, 2.0)), run.info.box_sizes, atol=0.011)


def test_boxes_are_counted_by_class_and_case(config):
    survey = surveyed(config)
    found = survey.measure()
    cases = [survey.table.cases[index] for index in survey.indices("train")]
    labels = [[box[0] for box in case.targets.get("boxes", ())] for case in cases]
    expected = [[own.count(name) for name in found.classes] for own in labels]
    assert found.counts.tolist() == expected


def test_only_training_cases_are_measured(config):
    """Boxes of the other cases may be as large as they like."""
    survey = surveyed(config)
    before = survey.measure()
    training = {survey.table.cases[index].case_id for index in survey.indices("train")}
    path = survey.table.root / "boxes.csv"
    with path.open() as file:
        rows = list(csv.DictReader(file))
    changed = 0
    for row in rows:
        case = next(c for c in survey.table.cases if c.inputs["image"].path == row["image"])
        if case.case_id not in training and row["label"]:
            changed += 1
            row["x"], row["y"], row["width"], row["height"] = 0, 0, 60, 60
    write_table(path, COLUMNS, [[row[name] for name in COLUMNS] for row in rows])
    after = surveyed(config).measure()
    assert changed
    assert after.sides_at((1, 1)) == before.sides_at((1, 1))
    assert max(map(max, after.sides_at((1, 1)))) < 20


def test_intensities_are_those_in_boxes(tmp_path):
    picture = np.zeros((20, 20, 3), np.uint8)
    picture[4:8, 6:14] = 200
    rows = []
    for number in range(6):
        picture[0, 0] = number
        write_image(tmp_path / f"{number}.png", picture)
        rows.append((f"{number}.png", "a", 6, 4, 8, 4, f"p{number}"))
    write_table(tmp_path / "boxes.csv", COLUMNS, rows)
    found = surveyed(
        BoxesConfig(reader=BoxesCsvReader(root=str(tmp_path), patient_column="patient"))
    )
    assert set(found.measure().foreground.tolist()) == {200.0}


def test_volumes_keep_their_axes_and_regions_that_do_not_count_are_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(BoxSurvey, "indices", lambda *_: [0, 1, 2])
    found = BoxSurvey(BoxesConfig(reader=Luna16Reader(root=str(write_luna16(tmp_path))))).measure()
    assert sorted(len(case.labels) for case in found.cases) == [0, 1, 2]
    assert found.cases[0].spacing == pytest.approx((2, 2, 3))
    sides = np.concatenate([case.sides for case in found.cases])
    assert np.allclose(sides[:, 0] * 2, sides[:, 2] * 3)


def test_a_box_outside_its_image_is_named(config):
    survey = surveyed(config)
    case = survey.table.cases[survey.indices("train")[0]]
    path = survey.table.root / "boxes.csv"
    row = f"{case.inputs['image'].path},disc,70,70,9,9,{case.patient_id}\n"
    path.write_text(path.read_text() + row)
    with pytest.raises(DataError, match="do not lie in their images") as caught:
        surveyed(config).measure()
    assert case.case_id in str(caught.value)


def test_a_dataset_without_boxes_is_refused(tmp_path):
    for number in range(4):
        write_image(tmp_path / f"{number}.png", np.full((9, 9, 3), number))
    rows = [(f"{number}.png", "", "", "", "", "", f"p{number}") for number in range(4)]
    write_table(tmp_path / "boxes.csv", COLUMNS, rows)
    config = BoxesConfig(reader=BoxesCsvReader(root=str(tmp_path), patient_column="patient"))
    with pytest.raises((ConfigError, DataError), match=r"box"):
        surveyed(config).measure()
