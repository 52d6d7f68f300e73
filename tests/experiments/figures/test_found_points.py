import numpy as np
import pytest

from datamodules.volume import Volume
from experiments.figures.found_points import draw_points

FLAT = Volume(np.random.default_rng(0).normal(size=(1, 30, 40)), np.eye(4))
TURNED = np.diag([-1.0, 1, 1, 1])  # the first axis runs to the left


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def marks(axes):
    return np.array([line.get_xydata()[0] for line in axes.lines])


def test_flat_image_has_every_name_beside_its_point():
    figure = draw_points("film", FLAT, np.array([(5.0, 8.0), (20.0, 35.0)]), ("sella", "nasion"))
    (axes,) = figure.axes
    assert texts(figure) == ["sella", "nasion"]
    np.testing.assert_allclose(marks(axes), [(8, 5), (35, 20)])
    assert [text.get_ha() for text in axes.texts] == ["left", "right"]
    assert (axes.get_xlim(), axes.get_ylim()) == ((0, 40), (30, 0))


def test_many_points_have_numbers_and_their_names_stand_below():
    names = [f"p{number}" for number in range(30)]
    figure = draw_points("film", FLAT, np.full((30, 2), 9.0), names)
    assert texts(figure) == [str(number) for number in range(1, 31)]
    assert "30 p29" in figure.get_supxlabel()


@pytest.mark.parametrize("affine", [np.eye(4), TURNED])
def test_volume_is_shown_in_three_planes_along_the_axes_of_the_patient(affine):
    volume = Volume(np.zeros((1, 12, 14, 16)), affine)
    figure = draw_points("ct", volume, np.array([(3.0, 7.0, 9.0)]), ("carina",))
    axial, coronal, sagittal = figure.axes
    assert texts(figure) == ["carina"] * 3
    x = 3 if affine[0, 0] > 0 else 12 - 3
    np.testing.assert_allclose(marks(axial), [(12 - x, 14 - 7)])
    np.testing.assert_allclose(marks(coronal), [(12 - x, 16 - 9)])
    np.testing.assert_allclose(marks(sagittal), [(14 - 7, 16 - 9)])


def test_points_far_from_the_slice_are_not_named():
    volume = Volume(np.zeros((1, 12, 14, 60)), np.eye(4))
    points = np.array([(3.0, 7.0, 2.0), (5.0, 7.0, 30.0), (6.0, 7.0, 58.0)])
    figure = draw_points("ct", volume, points, ("low", "middle", "high"))
    axial, coronal, _ = figure.axes
    assert [text.get_text() for text in axial.texts] == ["middle"]
    assert len(coronal.texts) == 3
