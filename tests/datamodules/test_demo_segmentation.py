import hashlib
from functools import partial

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from datamodules.cases import Structure
from datamodules.demos import heart_slices, kidney_volumes
from datamodules.readers.demo import DemoReader

LEVELS = 40


@pytest.fixture(scope="module")
def demos(tmp_path_factory):
    """A few patients of both demos, as their reader lists them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIGHTBOX_CACHE", str(tmp_path_factory.mktemp("cache")))
        for module in (heart_slices, kidney_volumes):
            patch.setattr(module, "draw_demo", partial(module.draw_demo, patients=10))
        names = ("segmentation-2d", "segmentation-3d")
        return {name: DemoReader(name=name).read() for name in names}


def arrays(table):
    """Images standardised case by case, and label maps."""

    def read(source):
        path = table.root / source.path
        return np.asarray(Image.open(path) if path.suffix == ".png" else nib.load(path).dataobj)

    images = [read(case.inputs[next(iter(case.inputs))]).astype(float) for case in table.cases]
    masks = [read(case.targets["mask"]) for case in table.cases]
    return [(image - image.mean()) / image.std() for image in images], masks


def digest(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def best_dice(images, masks, value):
    """Mean Dice of the best band of grey values, of which a threshold is a special case."""
    levels = np.quantile(
        np.concatenate([image.ravel() for image in images]), np.linspace(0, 1, LEVELS)
    )
    edges, overlap = [-np.inf, *levels[1:-1], np.inf], np.zeros((LEVELS, LEVELS))
    for image, mask in zip(images, masks, strict=True):
        inside = image[mask == value]
        both, all_of_it = (
            np.concatenate([[0], np.histogram(greys, edges)[0].cumsum()])
            for greys in (inside, image)
        )
        hit, marked = both[None] - both[:, None], all_of_it[None] - all_of_it[:, None]
        overlap += np.triu(2 * hit / np.maximum(marked + len(inside), 1), 1)
    return overlap.max() / len(images)


@pytest.mark.parametrize("module", [heart_slices, kidney_volumes])
def test_the_same_bytes_are_drawn_every_time(module, tmp_path):
    module.draw_demo(tmp_path / "a", patients=2)
    module.draw_demo(tmp_path / "b", patients=2)
    assert digest(tmp_path / "a") == digest(tmp_path / "b")


def test_a_structure_that_its_grey_tells_is_found():
    mask = np.zeros((20, 20), int)
    mask[5:17, 5:17] = 1
    assert best_dice([mask + 0.01 * np.arange(20)], [mask], 1) > 0.9


@pytest.mark.parametrize("name", ["segmentation-2d", "segmentation-3d"])
def test_no_threshold_and_no_band_of_greys_finds_a_structure(demos, name):
    images, masks = arrays(demos[name])
    assert best_dice(images, masks, 1) < 0.6
    assert best_dice(images, masks, 2) < 0.6


def test_slices_are_read_from_folders_of_images_and_masks(demos):
    table = demos["segmentation-2d"]
    assert table.structures == (Structure("ventricle", (1,)), Structure("myocardium", (2,)))
    assert (table.name, table.public, table.has_patients) == ("demo-segmentation-2d", True, True)
    assert len({case.patient_id for case in table.cases}) == 10
    assert {case.split for case in table.cases} == {"train_val", "test"}
    assert {image.shape for image in arrays(table)[0]} == {(128, 128)}


def test_volumes_are_read_from_nnunets_raw_format(demos):
    table = demos["segmentation-3d"]
    assert table.structures == (Structure("kidney", (1,)), Structure("tumour", (2,)))
    assert len(table.cases) == 2 * len({case.patient_id for case in table.cases}) == 20
    assert {case.split for case in table.cases} == {"train_val", "test"}
    header = nib.load(table.root / table.cases[0].inputs["image"].path).header
    assert header.get_data_shape() == (48, 48, 32)
    assert header.get_zooms() == (1, 1, 2)


@pytest.mark.parametrize("name", ["segmentation-2d", "segmentation-3d"])
def test_every_case_shows_both_structures_and_they_touch(demos, name):
    for mask in arrays(demos[name])[1]:
        assert set(np.unique(mask)) == {0, 1, 2}
        steps = [np.abs(np.diff(mask.astype(int), axis=axis)) for axis in range(mask.ndim)]
        beside = [
            ((np.delete(mask, -1, axis) > 0) & (np.delete(mask, 0, axis) > 0) & (step > 0)).any()
            for axis, step in enumerate(steps)
        ]
        assert any(beside)


def test_no_patient_is_on_two_sides(demos):
    for table in demos.values():
        sides = {(case.patient_id, case.split) for case in table.cases}
        assert len(sides) == len({case.patient_id for case in table.cases})
