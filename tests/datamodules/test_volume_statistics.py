import numpy as np
import pytest

from datamodules.configs.volume_preprocessing import VolumePreprocessing
from datamodules.errors import DataError
from datamodules.volume import Volume
from datamodules.volume_statistics import CaseStatistics, VolumeStatistics, measure


@pytest.fixture
def image():
    """A bright box of 4 x 3 x 2 voxels in a dark 8 x 6 x 4 volume."""
    image = np.zeros((1, 8, 6, 4), np.int16)
    image[0, 2:6, 1:4, 1:3] = 100 + np.arange(24).reshape(4, 3, 2)
    return image


def measured(image, inside=None, affine=None, samples=1000, **preprocessing) -> CaseStatistics:
    volume = Volume(image, np.eye(4) if affine is None else affine)
    inside = image[0] > 0 if inside is None else inside
    return measure(volume, inside, VolumePreprocessing(**preprocessing), samples)


def test_shape_and_spacing_follow_the_canonical_axes(image):
    swapped = np.array([[0, 0, 2.0, 0], [-0.5, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    found = measured(image, affine=swapped)
    assert (found.shape, found.cropped) == ((4, 8, 6), (2, 4, 3))
    assert found.spacing == (2.0, 0.5, 1.0)
    assert found.share_left == 24 / 192


def test_foreground_follows_the_axes_of_the_file(image):
    swapped = np.array([[0, 0, 2.0, 0], [-0.5, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    found = measured(image, inside=image[0] >= 120, affine=swapped)
    assert set(found.foreground) == {120, 121, 122, 123}
    assert (found.lowest, found.highest) == (0, 123)


def test_without_cropping_nothing_is_cut_away(image):
    found = measured(image, crop_to_nonzero=False)
    assert found.cropped == found.shape == (8, 6, 4)


def test_channels_share_the_samples(image):
    found = measured(np.concatenate([image, 2 * image]))
    assert (found.channels, len(found.foreground)) == (2, 1000)
    assert (found.foreground[500:] == 2 * found.foreground[:500]).all()


def test_case_without_foreground_has_no_intensities(image):
    empty = measured(image, inside=np.zeros(image.shape[1:], bool))
    assert len(empty.foreground) == 0
    both = VolumeStatistics("fake", (empty, measured(image)))
    assert len(both.foreground) == 1000
    assert both.shapes.tolist() == [[4, 3, 2]] * 2


def test_voxels_without_a_value_are_refused(image):
    with pytest.raises(DataError, match="1 voxels are NaN"):
        measured(np.where(image == 110, np.nan, image))
