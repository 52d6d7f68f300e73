"""The demo of slides as a user runs it: what it reaches, and where attention lies."""

import json

import cv2
import numpy as np
import pytest

from experiments import explain
from experiments.catalog.slide_classifier import demo_slide
from experiments.session import start

REDUCTION = 8
TOP = 10
SIZE = (4608, 6144)
"""Height and width of the drawn slides."""


@pytest.mark.slow
def test_slides_are_told_apart_by_the_planted_tumour(tmp_path, monkeypatch):
    monkeypatch.setenv("LIGHTBOX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LIGHTBOX_RUNS", str(tmp_path / "runs"))
    made = demo_slide()
    made = made.replace(
        data=made.data.replace(workers=0), logging=made.logging.replace(wandb="off")
    )
    run = start(made)
    metrics = run.metrics()
    assert metrics["test"]["auroc"]["value"] >= 0.95
    assert metrics["baselines"]["thumbnail"]["test"]["auroc"]["value"] < 0.8
    table = made.data.reader.read()
    cases = [c for c in table.cases if c.split == "test" and c.targets["class"] == "tumour"]
    slides = [str(table.root / case.inputs["slide"].path) for case in cases]
    words = [str(run.path), *slides, "--output", str(tmp_path / "out"), "--all-labels"]
    assert explain.main(words) == 0
    shares = [share_in_tumour(case, table.root, tmp_path / "out" / "overlays") for case in cases]
    assert np.mean(shares) >= 0.8


def share_in_tumour(case, root, folder):
    """Share of the ten tiles that attention weighs most which touch an outline of tumour."""
    tumour = np.zeros([side // REDUCTION for side in SIZE], np.uint8)
    for ring in rings(root / case.targets["regions"].path):
        cv2.fillPoly(tumour, [(ring / REDUCTION).astype(np.int32)], 1)
    content = json.loads((folder / f"{case.case_id}.tif__tumour.geojson").read_text())
    tiles = [each for each in content["features"] if each["properties"]["objectType"] == "tile"]
    tiles.sort(key=lambda tile: -next(iter(tile["properties"]["measurements"].values())))
    touched = 0
    for tile in tiles[:TOP]:
        ring = np.array(tile["geometry"]["coordinates"][0]) / REDUCTION
        (left, top), (right, bottom) = ring.min(0).astype(int), ring.max(0).astype(int)
        touched += bool(tumour[top:bottom, left:right].any())
    return touched / TOP


def rings(path):
    features = json.loads(path.read_text())["features"]
    return [np.array(each["geometry"]["coordinates"][0]) for each in features]
