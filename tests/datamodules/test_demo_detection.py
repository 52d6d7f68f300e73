import hashlib
import json
from collections import defaultdict
from functools import partial

import cv2
import nibabel as nib
import numpy as np
import pytest
from scipy.ndimage import find_objects, label

from datamodules.demos import blood_smears, scattered_nodules
from datamodules.readers.demo import DemoReader
from datamodules.transforms.box_geometry import voxels_of


def digest(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def read(name, module, patients, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIGHTBOX_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(module, "draw_demo", partial(module.draw_demo, patients=patients))
        return DemoReader(name=name).read()


@pytest.fixture(scope="module")
def smears(tmp_path_factory):
    """A third of the 2D demo."""
    return read("detection", blood_smears, 18, tmp_path_factory)


@pytest.fixture(scope="module")
def nodules(tmp_path_factory):
    """A third of the 3D demo."""
    return read("detection-3d", scattered_nodules, 14, tmp_path_factory)


def picture(table, case):
    return cv2.imread(str(table.root / case.inputs["image"].path))


def volume(table, case):
    return nib.load(table.root / case.inputs["image"].path)


def overlap(one, other):
    """IoU of two boxes, low and then high corner."""
    axes = len(one) // 2
    one, other = np.reshape(one, (2, axes)), np.reshape(other, (2, axes))
    shared = (np.minimum(one[1], other[1]) - np.maximum(one[0], other[0])).clip(0).prod()
    return shared / (np.ptp(one, axis=0).prod() + np.ptp(other, axis=0).prod() - shared)


def corners(slices):
    return [each.start for each in slices] + [each.stop for each in slices]


@pytest.mark.parametrize("module", [blood_smears, scattered_nodules])
def test_the_same_bytes_are_drawn_every_time(module, tmp_path):
    module.draw_demo(tmp_path / "a", patients=3)
    module.draw_demo(tmp_path / "b", patients=3)
    assert digest(tmp_path / "a") == digest(tmp_path / "b")


@pytest.mark.parametrize("name", ["smears", "nodules"])
def test_no_patient_is_on_two_sides(name, request):
    sides = defaultdict(set)
    for case in request.getfixturevalue(name).cases:
        sides[case.patient_id].add(case.split)
    assert all(len(own) == 1 for own in sides.values())
    assert len(sides) in (14, 18)


def test_all_three_kinds_are_on_every_side(smears):
    found = defaultdict(set)
    for case in smears.cases:
        found[case.split] |= {name for name, *_ in case.targets["boxes"]}
    assert found == {side: set(blood_smears.CATEGORIES) for side in ("train", "val", "test")}
    assert smears.objects == blood_smears.CATEGORIES


def test_boxes_of_smears_lie_in_their_pictures(smears):
    for case in smears.cases:
        height, width = picture(smears, case).shape[:2]
        for _, x, y, w, h in case.targets["boxes"]:
            assert min(x, y) >= 0
            assert x + w <= width + 0.01
            assert y + h <= height + 0.01


def test_boxes_of_platelets_hold_purple(smears):
    for case in smears.cases:
        pixels = picture(smears, case).astype(int)
        for name, x, y, w, h in case.targets["boxes"]:
            if name == "platelet" and min(w, h) > 8:
                middle = pixels[int(y + h / 2), int(x + w / 2)]
                assert middle[0] > middle[1] + 15, case.case_id


def test_colour_alone_does_not_find_the_platelets(smears):
    hits = tried = 0
    for case in smears.cases:
        pixels = picture(smears, case).astype(int)
        purple = (pixels[..., 0] > pixels[..., 2] + 10) & (pixels[..., 1] < 170)
        boxes = [
            (y, x, y + h, x + w) for name, x, y, w, h in case.targets["boxes"] if name == "platelet"
        ]
        for slices in find_objects(label(purple)[0]):
            found = corners(slices)
            if 4 <= max(found[2] - found[0], found[3] - found[1]) <= 20:
                tried += 1
                hits += any(overlap(found, box) > 0.5 for box in boxes)
    assert tried > 100
    assert hits / tried < 0.7


def test_some_smears_and_some_volumes_have_nothing_in_them(smears, nodules):
    assert any(not case.targets["boxes"] for case in smears.cases)
    assert any(not case.targets["volume_boxes"] for case in nodules.cases)


def test_boxes_of_nodules_are_full_and_end_where_the_nodule_does(nodules):
    shares = []
    for case in nodules.cases:
        image = volume(nodules, case)
        grey = image.get_fdata()
        for _, place in case.targets["volume_boxes"]:
            box = np.rint(voxels_of(place, image.affine)).astype(int)
            within = grey[
                tuple(slice(low, high) for low, high in zip(box[:3], box[3:], strict=True))
            ]
            shares.append(float((within > -400).mean()))
    assert len(shares) > 20
    assert 0.4 < np.median(shares) < 0.8  # a ball fills pi / 6 of its cube


def test_what_is_dense_is_mostly_no_nodule(nodules):
    hits = tried = 0
    for case in nodules.cases:
        image = volume(nodules, case)
        boxes = [voxels_of(place, image.affine) for _, place in case.targets["volume_boxes"]]
        for slices in find_objects(label(image.get_fdata() > -400)[0]):
            if min(each.stop - each.start for each in slices) > 2:
                tried += 1
                hits += any(overlap(corners(slices), box) > 0.3 for box in boxes)
    assert hits / tried < 0.5


def test_volumes_are_of_three_hospitals_with_grids_of_their_own(nodules):
    grids = defaultdict(set)
    for case in nodules.cases:
        image = volume(nodules, case)
        grids[case.site].add((nib.aff2axcodes(image.affine), max(image.header.get_zooms())))
    assert len(grids) == 3
    assert len({next(iter(own)) for own in grids.values()}) == 3


def test_cells_that_are_hardly_seen_are_regions_to_be_ignored(smears):
    marked = [
        entry["iscrowd"]
        for path in (smears.root / "annotations").iterdir()
        for entry in json.loads(path.read_text())["annotations"]
    ]
    assert 0 < sum(marked) < 0.2 * len(marked)
