import csv
import hashlib

import cv2
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from datamodules.demos import xray
from datamodules.demos.xray import draw_demo
from datamodules.readers.nih_chestxray14 import NihChestXray14Reader


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A fifth of the demo."""
    folder = tmp_path_factory.mktemp("demo") / "xray"
    draw_demo(folder, patients=100)
    return NihChestXray14Reader(root=str(folder)).read()


def film(table, case):
    return cv2.imread(str(table.root / case.inputs["image"].path), cv2.IMREAD_UNCHANGED)


def digest(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def test_the_same_bytes_are_drawn_every_time(tmp_path):
    draw_demo(tmp_path / "a", patients=6)
    draw_demo(tmp_path / "b", patients=6)
    assert digest(tmp_path / "a") == digest(tmp_path / "b")


def test_films_are_8_bit_256_px_and_well_exposed(demo):
    for case in demo.cases[::10]:
        pixels = film(demo, case)
        assert (pixels.shape, pixels.dtype) == ((256, 256), np.uint8)
        assert np.percentile(pixels, 95) - np.percentile(pixels, 20) > 60


def test_patients_have_one_to_four_films_and_two_fifths_show_a_nodule(demo):
    films = np.unique([case.patient_id for case in demo.cases], return_counts=True)[1]
    assert (films.min(), films.max()) == (1, 4)
    nodules = np.mean([case.targets["findings"]["Nodule"] for case in demo.cases])
    assert 0.3 < nodules < 0.5


def test_other_findings_occur_with_and_without_a_nodule(demo):
    for other in ("Cardiomegaly", "Effusion"):
        held = [c.targets["findings"]["Nodule"] for c in demo.cases if c.targets["findings"][other]]
        assert set(held) == {0.0, 1.0}


def test_every_nodule_has_a_box_that_is_brighter_than_its_surroundings(demo):
    contrasts = []
    for case in demo.cases:
        boxes = case.targets.get("boxes", [])
        assert len(boxes) == case.targets["findings"]["Nodule"]
        for _, x, y, width, height in boxes:
            assert 0 <= x < x + width <= 256
            assert 0 <= y < y + height <= 256
            pixels = film(demo, case).astype(float)
            inside = pixels[round(y) : round(y + height), round(x) : round(x + width)].mean()
            top, left = max(round(y - height), 0), max(round(x - width), 0)
            around = pixels[top : round(y + 2 * height), left : round(x + 2 * width)].mean()
            contrasts.append(inside - around)
    assert np.mean(np.array(contrasts) > 5) > 0.95


def test_tables_have_the_headers_of_the_published_ones(demo):
    with (demo.root / "Data_Entry_2017_v2020.csv").open(newline="") as file:
        header, first = list(csv.reader(file))[:2]
    assert header[:4] == ["Image Index", "Finding Labels", "Follow-up #", "Patient ID"]
    assert len(header) == len(first) == 11


def test_a_fifth_of_the_patients_is_listed_for_testing(demo):
    sides = {case.patient_id: case.split for case in demo.cases}
    assert sum(side == "test" for side in sides.values()) == 20


@pytest.fixture(scope="module")
def shortcut(tmp_path_factory):
    """A tenth of the demo with a planted shortcut."""
    folder = tmp_path_factory.mktemp("demo") / "xray-shortcut"
    draw_demo(folder, patients=50, shortcut=True)
    return NihChestXray14Reader(root=str(folder)).read()


def agreement(cases):
    """Share of films whose view says what their label says."""
    told = [(case.attributes["view"] == "AP", case.targets["findings"]["Nodule"]) for case in cases]
    return np.mean([view == nodule for view, nodule in told])


def test_view_tells_the_nodule_in_training_films_of_the_shortcut_only(shortcut, demo):
    sides = {side: [c for c in shortcut.cases if c.split == side] for side in ("train_val", "test")}
    assert agreement(sides["train_val"]) > 0.9
    assert 0.3 < agreement(sides["test"]) < 0.7
    assert 0.3 < agreement(demo.cases) < 0.7


def test_every_portable_film_of_the_shortcut_is_stamped_and_no_other(shortcut):
    for case in shortcut.cases[::5]:
        edge = film(shortcut, case)[7:31, 59:61]  # of the stamp's black ground
        assert (edge.max() == 0) == (case.attributes["view"] == "AP")


def test_the_shortcut_has_the_patients_and_nodules_of_the_plain_demo(shortcut, demo):
    films = list(zip(shortcut.cases, demo.cases, strict=False))
    for planted, plain in films:
        assert planted.case_id == plain.case_id
        assert planted.attributes["age"] == plain.attributes["age"]
    alike = [a.targets["findings"]["Nodule"] == b.targets["findings"]["Nodule"] for a, b in films]
    assert np.mean(alike) > 0.85  # the devices of a portable film draw on the same numbers


@pytest.mark.slow
def test_pixels_alone_do_not_tell_who_has_a_nodule(tmp_path):
    draw_demo(tmp_path / "xray")
    table = NihChestXray14Reader(root=str(tmp_path / "xray")).read()
    small = (
        cv2.resize(film(table, c), (32, 32), interpolation=cv2.INTER_AREA) for c in table.cases
    )
    pixels = np.stack([thumbnail.ravel() for thumbnail in small]).astype(float)
    nodule = np.array([case.targets["findings"]["Nodule"] for case in table.cases])
    test = np.array([case.split == "test" for case in table.cases])
    scaler = StandardScaler().fit(pixels[~test])
    for strength in (1e-4, 1e-2, 1.0):
        model = LogisticRegression(C=strength, max_iter=300)
        model.fit(scaler.transform(pixels[~test]), nodule[~test])
        scores = model.decision_function(scaler.transform(pixels[test]))
        assert roc_auc_score(nodule[test], scores) < 0.65
    assert 1100 < len(table.cases) < 1300
    assert len({case.patient_id for case in table.cases}) == xray.PATIENTS
