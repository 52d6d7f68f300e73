import numpy as np
import pytest

from datamodules.configs.volume_preprocessing import VolumePreprocessing
from datamodules.data_info import LabelSet
from datamodules.errors import DataError
from datamodules.mask_cases import CaseVolumes
from datamodules.mask_statistics import MaskedCaseStatistics, measure_masked
from datamodules.volume import Volume

ORGANS = LabelSet(("liver", "tumour"), exclusive=True)


def measured(
    image, mask, affine=None, labels=ORGANS, samples=1000, **preprocessing
) -> MaskedCaseStatistics:
    volume = Volume(np.asarray(image), np.eye(4) if affine is None else affine)
    settings = VolumePreprocessing(**preprocessing)
    return measure_masked(CaseVolumes(volume, mask), settings, labels, samples)


@pytest.fixture
def image():
    """A bright box of 4 x 3 x 2 voxels in a dark 8 x 6 x 4 volume."""
    image = np.zeros((1, 8, 6, 4), np.int16)
    image[0, 2:6, 1:4, 1:3] = 100 + np.arange(24).reshape(4, 3, 2)
    return image


@pytest.fixture
def mask(image):
    mask = (image > 0).astype(np.uint8)
    mask[image > 119] = 2
    return mask


def test_shape_and_spacing_follow_the_canonical_axes(image, mask):
    swapped = np.array([[0, 0, 2.0, 0], [-0.5, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    found = measured(image, mask, swapped)
    assert (found.shape, found.cropped) == ((4, 8, 6), (2, 4, 3))
    assert found.spacing == (2.0, 0.5, 1.0)
    assert found.share_left == 24 / 192


def test_without_cropping_nothing_is_cut_away(image, mask):
    found = measured(image, mask, crop_to_nonzero=False)
    assert found.cropped == found.shape == (8, 6, 4)


def test_a_spacing_that_is_set_changes_no_measure(image, mask):
    assert measured(image, mask, spacing_mm=(3.0, 3.0, 3.0)).cropped == (4, 3, 2)


def test_intensities_are_of_the_structures_only(image, mask):
    found = measured(image, mask, samples=5000)
    assert set(found.foreground) == set(range(100, 124))
    assert len(found.foreground) == 5000
    assert (found.lowest, found.highest) == (0, 123)


def test_what_is_not_known_is_no_structure(image, mask):
    mask[image < 110] = 255
    found = measured(image, mask)
    assert found.foreground.min() == 110
    assert found.voxels == (10, 4)


def test_channels_share_the_samples(image, mask):
    found = measured(np.concatenate([image, 2 * image]), mask)
    assert (found.channels, len(found.foreground)) == (2, 1000)
    assert (found.foreground[500:] == 2 * found.foreground[:500]).all()


def test_a_case_without_structures_has_no_intensities(image, mask):
    found = measured(image, np.zeros_like(mask))
    assert (len(found.foreground), found.voxels) == (0, (0, 0))


def test_structures_that_overlap_are_counted_one_by_one(image, mask):
    masks = np.concatenate([(mask > 0), (mask == 2)]).astype(np.uint8)
    found = measured(image, masks, labels=LabelSet(("liver", "tumour"), exclusive=False))
    assert found.voxels == (24, 4)
    assert set(found.foreground) == set(range(100, 124))


def test_volumes_are_in_ml_and_those_of_images_in_pixels(image, mask):
    found = measured(image, mask, np.diag([10.0, 10, 5, 1]))
    assert found.volumes == (20 * 0.5, 4 * 0.5)
    assert measured(image[..., 1], mask[..., 1]).volumes == (10, 2)


def test_voxels_without_a_value_are_refused(image, mask):
    holed = np.where(image == 110, np.nan, image)
    with pytest.raises(DataError, match="1 voxels are NaN"):
        measured(holed, mask)


def test_measuring_twice_gives_the_same(image, mask):
    first, second = measured(image, mask), measured(image, mask)
    assert (first.foreground == second.foreground).all()
