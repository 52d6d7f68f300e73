import hashlib
from collections import defaultdict
from dataclasses import replace
from functools import partial

import nibabel as nib
import numpy as np
import pytest
from scipy.ndimage import zoom
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from datamodules.demos import lung_nodules
from datamodules.demos.lung_nodules import SCANNERS, draw_demo, draw_volume, invent_patient
from datamodules.readers.demo import DemoReader

STRENGTHS = (1e-4, 1e-2, 1.0)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A sixth of the demo."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIGHTBOX_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(lung_nodules, "draw_demo", partial(draw_demo, patients=40))
        return DemoReader(name="volume").read()


@pytest.fixture(scope="module")
def of_patient(demo):
    cases = defaultdict(list)
    for case in demo.cases:
        cases[case.patient_id].append(case)
    return cases


def digest(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def volume(table, case):
    return nib.load(table.root / case.inputs["image"].path)


def grey_at_nodule(image, patient):
    """Mean of the eight voxels about the middle of the nodule, in HU."""
    place = np.append(patient.lung.middle + patient.nodule.place, 1)
    first = np.floor(np.linalg.inv(image.affine) @ place)[:3].astype(int)
    box = tuple(slice(at, at + 2) for at in first)
    return image.get_fdata()[box].mean()


def test_the_same_bytes_are_drawn_every_time(tmp_path):
    draw_demo(tmp_path / "a", patients=3)
    draw_demo(tmp_path / "b", patients=3)
    assert digest(tmp_path / "a") == digest(tmp_path / "b")


def test_volumes_are_read_from_a_table(demo):
    assert (demo.name, demo.public, demo.has_patients) == ("demo-volume", True, True)
    assert demo.classes == ("benign", "malignant")
    assert demo.cases[0].case_id == "p001_1"
    assert {case.targets["class"] for case in demo.cases} == set(demo.classes)
    assert {case.site for case in demo.cases} == set(SCANNERS)
    assert {case.attributes["sex"] for case in demo.cases} == {"F", "M"}
    assert all(35 <= case.attributes["age"] < 95 for case in demo.cases)


def test_patients_have_one_to_three_volumes_of_one_class_side_and_site(of_patient):
    assert {len(cases) for cases in of_patient.values()} == {1, 2, 3}
    for cases in of_patient.values():
        assert len({(case.targets["class"], case.split, case.site) for case in cases}) == 1


def test_a_fifth_of_the_patients_is_for_testing(of_patient):
    sides = [cases[0].split for cases in of_patient.values()]
    assert sides.count("test") == 8
    assert sides.count("train_val") == 32


def test_files_are_as_their_scanner_stores_them(demo):
    for case in demo.cases:
        image = volume(demo, case)
        assert image.get_data_dtype() == np.int16
        assert "".join(nib.aff2axcodes(image.affine)) == SCANNERS[case.site].axes
        canonical = nib.as_closest_canonical(image)
        spacing = canonical.header.get_zooms()
        np.testing.assert_allclose(spacing, SCANNERS[case.site].spacing_mm, rtol=1e-6)
        extent = np.multiply(canonical.shape, spacing)
        assert ((extent > 55) & (extent < 65)).all()


def test_sizes_differ_from_case_to_case(demo):
    assert len({volume(demo, case).shape for case in demo.cases}) > 10


def test_most_of_a_volume_is_lung_in_hounsfield_units(demo):
    for case in demo.cases:
        voxels = volume(demo, case).get_fdata()
        assert -900 < np.median(voxels) < -750
        assert voxels.min() >= -1024
        assert voxels.max() < 1000


@pytest.mark.parametrize("number", range(1, 9))
def test_a_malignant_nodule_is_hollow_and_a_benign_one_is_solid(number):
    patient = invent_patient(number)
    malignant, benign = (
        draw_volume(replace(patient, nodule=replace(patient.nodule, malignant=which)), 0)
        for which in (True, False)
    )
    assert grey_at_nodule(malignant, patient) < patient.nodule.grey - 300
    assert abs(grey_at_nodule(benign, patient) - patient.nodule.grey) < 60


def test_the_nodule_stays_in_its_place_from_visit_to_visit():
    patient = next(each for each in map(invent_patient, range(1, 99)) if not each.nodule.malignant)
    volumes = [draw_volume(patient, visit) for visit in (0, 1)]
    assert not np.allclose(volumes[0].affine, volumes[1].affine)  # taken a little elsewhere
    greys = np.array([grey_at_nodule(each, patient) for each in volumes])
    assert (np.abs(greys - patient.nodule.grey) < 60).all()


def test_the_class_hardly_changes_what_greys_there_are():
    shares = {True: [], False: []}
    for patient in map(invent_patient, range(1, 13)):
        for malignant, greys in shares.items():
            nodule = replace(patient.nodule, malignant=malignant)
            voxels = draw_volume(replace(patient, nodule=nodule), 0).get_fdata()
            greys.append([(voxels < -900).mean(), (voxels > -600).mean(), voxels.mean() / 1000])
    malignant, benign = (np.array(shares[key]) for key in (True, False))
    assert (np.abs(malignant - benign).mean(axis=0) < 0.01).all()


def best_auroc(features, malignant, test, models):
    scaler = StandardScaler().fit(features[~test])
    fitted = [model.fit(scaler.transform(features[~test]), malignant[~test]) for model in models]
    scores = [model.predict_proba(scaler.transform(features[test]))[:, 1] for model in fitted]
    return max(roc_auc_score(malignant[test], score) for score in scores)


def logistic_regressions():
    return [LogisticRegression(C=strength, max_iter=500) for strength in STRENGTHS]


@pytest.mark.slow
def test_neither_voxels_nor_a_histogram_tell_who_has_a_malignant_nodule(tmp_path, monkeypatch):
    monkeypatch.setenv("LIGHTBOX_CACHE", str(tmp_path))
    table = DemoReader(name="volume").read()
    thumbnails, histograms = [], []
    for case in table.cases:
        voxels = nib.as_closest_canonical(volume(table, case)).get_fdata(dtype=np.float32)
        thumbnails.append([])
        for size in ((8, 8, 4), (16, 16, 8)):
            small = zoom(
                voxels, np.divide(size, voxels.shape), order=1, grid_mode=True, mode="nearest"
            )
            thumbnails[-1].append(small.ravel())
        shares = np.histogram(voxels, np.arange(-1050, 600, 50))[0] / voxels.size
        histograms.append([*shares, voxels.mean(), voxels.std()])
    malignant = np.array([case.targets["class"] == "malignant" for case in table.cases])
    test = np.array([case.split == "test" for case in table.cases])
    for pixels in zip(*thumbnails, strict=True):
        assert best_auroc(np.stack(pixels), malignant, test, logistic_regressions()) < 0.7
    forest = RandomForestClassifier(300, min_samples_leaf=3, random_state=0)
    models = [*logistic_regressions(), forest]
    assert best_auroc(np.array(histograms), malignant, test, models) < 0.75
    assert 330 < len(table.cases) < 400
    assert len({case.patient_id for case in table.cases}) == lung_nodules.PATIENTS
    assert 0.45 < malignant.mean() < 0.55
