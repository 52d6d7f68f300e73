"""Masks have figures by site, sex and age, as labels do."""

import numpy as np
import pytest
from fakes.evaluated_runs import evaluated_run
from fakes.skeletons import SquaresData

from datamodules.configs.data import DataSettings
from datamodules.data_info import LabelSet, SegmentationInfo
from experiments.reporting.facts import collect
from experiments.reporting.tables import subgroup_table
from lightning_modules.configs.segmentation_networks import UNetConfig
from lightning_modules.configs.segmenter import SegmenterConfig
from lightning_modules.metrics.mask_rows import score_masks
from lightning_modules.segmenter import Segmenter

STRUCTURES = ("liver", "spleen")
INFO = SegmentationInfo(LabelSet(STRUCTURES, exclusive=True), 1, (16, 16), (1.0, 1.0))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A folder, a segmenter with the rows of random masks, and the cases that they are of."""
    films = evaluated_run(tmp_path_factory.mktemp("runs"), cases=160)
    module = Segmenter(SegmenterConfig(network=UNetConfig(base_features=4)), INFO)
    data = SquaresData(DataSettings(), 0)
    data._table, data.splits = films.data.table, films.data.splits
    chance = np.random.default_rng(0)
    for split in ("val", "test"):
        module.rows[split] = [score(case, chance) for case in cases_of(data, split)]
    return films.folder, module, data


def cases_of(data, split):
    return [data.table.cases[index] for index in data.indices(split)]


def score(case, chance):
    truth, called = chance.integers(0, 3, (2, 1, 8, 8)).astype(np.uint8)
    scores = score_masks(called, truth, STRUCTURES, (1.0, 1.0), dict.fromkeys(STRUCTURES, 1.0))
    return {**scores, "case_id": case.case_id, "patient_id": case.patient_id}


def groups_of(run):
    folder, module, data = run
    found = collect(module, data, folder, {})["subgroups"]
    return {(group["attribute"], group["value"]): group for group in found}


def test_dice_of_a_group_is_that_of_its_cases_alone(run):
    _, module, data = run
    women = {case.case_id for case in cases_of(data, "test") if case.attributes["sex"] == "F"}
    rows = [row for row in module.rows["test"] if row["case_id"] in women]
    group = groups_of(run)["sex", "F"]
    expected = module.final_figures(rows, {}, samples=100)
    assert (group["cases"], group["figures"]["dice"]["cases"]) == (len(rows), len(rows))
    assert group["figures"]["dice"] == expected["dice"].to_dict()
    assert group["figures"]["dice"]["low"] < group["figures"]["dice"]["high"]


def test_groups_have_the_headline_figures_that_were_measured(run):
    names = ["dice", "iou", "surface_dice", "hd95_mm", "sensitivity", "precision"]
    assert list(groups_of(run)["sex", "M"]["figures"]) == names


def test_groups_are_sites_sexes_and_bands_of_age(run):
    attributes = {attribute for attribute, _ in groups_of(run)}
    assert attributes == {"site", "sex", "age", "view"}
    assert {value for name, value in groups_of(run) if name == "age"} >= {"18-39", "40-64", "65+"}


def test_table_shows_the_groups_beside_all_cases(run):
    folder, module, data = run
    figures = module.final_figures(module.rows["test"], {}, samples=0)
    dicts = {name: figure.to_dict() for name, figure in figures.items()}
    table = subgroup_table(dicts, collect(module, data, folder, {}), "test")
    assert table.columns[:4] == ("", "Cases", "Patients", "Dice")
    cells = {row.name: row.cells for row in table.rows if row.cells}
    assert cells["All"][0].text == str(len(module.rows["test"]))
    assert cells["F"][2].text == f"{groups_of(run)['sex', 'F']['figures']['dice']['value']:.3f}"
