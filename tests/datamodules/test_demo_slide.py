import hashlib
import json
from collections import Counter, defaultdict
from functools import partial

import cv2
import numpy as np
import openslide
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from datamodules.demos import slides
from datamodules.demos.nuclei import LYMPHOCYTE, TUMOUR, nucleus_stamps, packed, stamp
from datamodules.demos.slides import SCANNERS, draw_demo, invent_patient
from datamodules.demos.tissue_patterns import SIDE, draw_patterns
from datamodules.demos.tissue_section import COARSE, HEIGHT, WIDTH, plan_section, stain_section
from datamodules.readers.demo import DemoReader

TISSUE = 20
"""Colours of tissue differ by more from channel to channel than those of glass."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The first of its patients."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIGHTBOX_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(slides, "draw_demo", partial(draw_demo, patients=6))
        return DemoReader(name="slide").read()


@pytest.fixture(scope="module")
def patterns():
    return draw_patterns(np.random.default_rng(0))


def opened(table, case):
    return openslide.OpenSlide(table.root / case.inputs["slide"].path)


def outlines(table, case):
    if "regions" not in case.targets:
        return []
    collection = json.loads((table.root / case.targets["regions"].path).read_text("utf-8"))
    return [np.array(each["geometry"]["coordinates"][0]) for each in collection["features"]]


def coarsest(table, case):
    slide = opened(table, case)
    size = slide.level_dimensions[2]
    return np.asarray(slide.read_region((0, 0), 2, size))[..., :3]


def digest(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def test_the_same_bytes_are_drawn_every_time(tmp_path):
    draw_demo(tmp_path / "a", patients=1)
    draw_demo(tmp_path / "b", patients=1)
    assert digest(tmp_path / "a") == digest(tmp_path / "b")


def test_slides_are_read_from_a_table(demo):
    assert (demo.name, demo.public, demo.has_patients) == ("demo-slide", True, True)
    assert demo.classes == ("normal", "tumour")
    assert demo.cases[0].case_id == "p001_1"
    assert {case.targets["class"] for case in demo.cases} == set(demo.classes)
    assert {case.site for case in demo.cases} == set(SCANNERS)
    assert all(set(case.attributes) == {"age", "sex"} for case in demo.cases)


def test_openslide_finds_three_levels_and_the_scale(demo):
    for case in demo.cases:
        slide = opened(demo, case)
        assert slide.level_dimensions == ((6144, 4608), (1536, 1152), (384, 288))
        assert slide.properties["openslide.mpp-x"] == "0.5"
        assert slide.properties["openslide.mpp-y"] == "0.5"
        assert slide.properties["openslide.level[0].tile-width"] == "256"


def test_each_level_shows_what_the_finest_does(demo):
    slide = opened(demo, demo.cases[0])
    fine = np.asarray(slide.read_region((2048, 1536), 0, (512, 512)))[..., :3]
    coarse = np.asarray(slide.read_region((2048, 1536), 2, (32, 32)))[..., :3]
    averaged = cv2.resize(fine, (32, 32), interpolation=cv2.INTER_AREA)
    assert averaged.mean() == pytest.approx(coarse.mean(), abs=1)
    assert np.corrcoef(averaged.ravel(), coarse.ravel())[0, 1] > 0.95


def test_a_third_of_a_slide_is_tissue_and_the_rest_is_light(demo):
    for case in demo.cases:
        colours = coarsest(demo, case)
        tissue = np.ptp(colours, axis=2) > TISSUE
        assert 0.2 < tissue.mean() < 0.5
        assert np.median(colours[~tissue]) > 215


def test_slides_with_tumour_and_no_others_have_outlines_which_lie_in_tissue(demo):
    for case in demo.cases:
        regions = outlines(demo, case)
        assert (1 <= len(regions) <= 3) == (case.targets["class"] == "tumour")
        tissue = np.ptp(coarsest(demo, case), axis=2) > TISSUE
        inside = np.zeros(tissue.shape, np.uint8)
        cv2.fillPoly(inside, [(outline / COARSE).astype(np.int32) for outline in regions], 1)
        assert tissue[inside > 0].mean() > 0.9 if regions else not inside.any()


def test_outlines_are_closed_polygons_of_pixels_of_the_finest_level(demo):
    for case in demo.cases:
        for outline in outlines(demo, case):
            assert (outline[0] == outline[-1]).all()
            assert (outline >= 0).all()
            assert (outline <= (WIDTH, HEIGHT)).all()


@pytest.mark.parametrize("number", range(6))
def test_tumour_is_a_few_hundredths_of_the_tissue(number):
    plan = plan_section(True, np.random.default_rng(number))
    areas = [cv2.contourArea(n.outline.astype(np.float32)) for n in plan.nests if n.tumour]
    assert 0.01 < sum(areas) / COARSE**2 / plan.tissue.sum() < 0.07


def test_both_classes_have_the_same_places_and_only_one_has_tumour_there():
    tumour, normal = (plan_section(which, np.random.default_rng(3)) for which in (True, False))
    assert (tumour.tissue == normal.tissue).all()
    for one, other in zip(tumour.nests, normal.nests, strict=True):
        assert (one.outline == other.outline).all()
    assert any(nest.tumour for nest in tumour.nests)
    assert not all(nest.tumour for nest in tumour.nests)
    assert not any(nest.tumour for nest in normal.nests)


def test_the_class_hardly_changes_how_much_stain_there_is(patterns):
    means = []
    for number in range(2):
        plans = (plan_section(which, np.random.default_rng(number)) for which in (True, False))
        drawn = [stain_section(plan, patterns, np.random.default_rng(number)) for plan in plans]
        means.append([(each.eosin.mean(), each.nuclei.mean()) for each in drawn])
    tumour, normal = np.array(means).mean(axis=0)
    assert tumour == pytest.approx(normal, rel=0.06)


def test_tumour_nuclei_are_larger_and_less_alike_than_lymphocytes():
    rng = np.random.default_rng(0)
    areas = [(nucleus_stamps(kind, rng) > 30).sum((1, 2)) for kind in (TUMOUR, LYMPHOCYTE)]
    tumour, lymphocytes = areas
    assert tumour.mean() > 2 * lymphocytes.mean()
    assert tumour.std() / tumour.mean() > 2 * lymphocytes.std() / lymphocytes.mean()


def test_nuclei_over_the_edge_are_left_out():
    layer, stamps = np.zeros((40, 60), np.uint8), np.full((1, 10, 10), 9, np.uint8)
    stamp(layer, stamps, np.array([(2, 20), (30, 20), (58, 38)]), np.random.default_rng(0))
    assert layer.sum() == 900
    assert (layer[15:25, 25:35] == 9).all()


def test_packed_cells_fill_an_outline_at_their_distance():
    square = np.array([(100, 50), (300, 50), (300, 250), (100, 250)])
    places = packed(square, 10, 0, np.random.default_rng(0))
    assert len(places) == pytest.approx(200 * 200 / (0.866 * 10 * 10), rel=0.1)
    assert (places > (99, 49)).all()
    assert (places < (301, 251)).all()


def test_patterns_go_on_without_a_seam(patterns):
    for pattern in (*patterns.stroma, patterns.fat):
        eosin = pattern.eosin.astype(int)
        across_seam = np.abs(eosin[:, 0] - eosin[:, -1]).mean()
        elsewhere = np.abs(np.diff(eosin[:, ::97], axis=0)).mean()
        assert pattern.eosin.shape == (SIDE, SIDE)
        assert across_seam < 2 * elsewhere + 2


def test_patients_have_one_or_two_slides_of_one_class_side_and_site(demo):
    of_patient = defaultdict(list)
    for case in demo.cases:
        of_patient[case.patient_id].append(case)
    assert {len(cases) for cases in of_patient.values()} == {1, 2}
    for cases in of_patient.values():
        assert len({(case.targets["class"], case.split, case.site) for case in cases}) == 1


def test_half_of_the_patients_have_tumour_whatever_their_site():
    patients = [invent_patient(number) for number in range(1, slides.PATIENTS + 1)]
    assert 0.4 < np.mean([patient.tumour for patient in patients]) < 0.6
    count = Counter((patient.site, patient.tumour) for patient in patients)
    assert min(count.values()) > 0.15 * slides.PATIENTS
    assert 100 < sum(patient.slides for patient in patients) < 120


@pytest.mark.slow
def test_neither_colours_nor_a_thumbnail_tell_who_has_tumour(tmp_path, monkeypatch):
    monkeypatch.setenv("LIGHTBOX_CACHE", str(tmp_path))
    table = DemoReader(name="slide").read()
    small = np.stack([coarsest(table, case) for case in table.cases]).astype(np.float32)
    tumour = np.array([case.targets["class"] == "tumour" for case in table.cases])
    test = np.array([case.split == "test" for case in table.cases])
    means = small.mean(axis=(1, 2))
    thumbnails = [cv2.resize(each, (12, 9), interpolation=cv2.INTER_AREA).ravel() for each in small]
    for features in (means, np.hstack([means, small.std(axis=(1, 2))]), np.stack(thumbnails)):
        scaler = StandardScaler().fit(features[~test])
        for strength in (1e-4, 1e-2, 1.0):
            model = LogisticRegression(C=strength, max_iter=500)
            model.fit(scaler.transform(features[~test]), tumour[~test])
            scores = model.decision_function(scaler.transform(features[test]))
            assert roc_auc_score(tumour[test], scores) < 0.75
