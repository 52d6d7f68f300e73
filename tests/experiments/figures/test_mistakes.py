import numpy as np
import pytest

from experiments.figures.mistakes import Picture, contact_sheet, overlay

pytestmark = pytest.mark.filterwarnings("error")


def picture(heatmap=None, size=(8, 6)):
    image = np.random.default_rng(0).random(size).astype(np.float32)
    return Picture(image, ("true: Nodule", "predicted .03", "case 17"), heatmap)


def test_images_stand_in_order_with_their_captions():
    pictures = [Picture(np.full((4, 4), i / 10), (f"case {i}",)) for i in range(6)]
    axes = contact_sheet(pictures).axes
    shown = [(float(a.images[0].get_array()[0, 0]), a.texts[0].get_text()) for a in axes[:6]]
    assert shown == [(pytest.approx(i / 10), f"case {i}") for i in range(6)]
    assert not any(a.images for a in axes[6:])


def test_grey_values_are_not_stretched():
    (axes,) = contact_sheet([picture()]).axes
    assert axes.images[0].get_clim() == (0, 1)


def test_heatmap_of_another_size_covers_the_image():
    (axes,) = contact_sheet([picture(np.eye(3))]).axes
    image, heatmap = axes.images
    assert image.get_extent() == heatmap.get_extent() == [0, 6, 8, 0]


def test_image_without_a_heatmap_has_nothing_over_it():
    assert [len(a.images) for a in contact_sheet([picture(), picture(np.eye(3))]).axes] == [1, 2]


def test_cool_places_stay_clear_and_hot_ones_are_coloured():
    colors = overlay(np.array([[0.0, 0.5, 1.0, np.nan, 7.0]]))
    assert colors[0, :, 3] == pytest.approx([0, 0.3, 0.6, 0, 0.6])


@pytest.mark.parametrize("count", [0, 1, 4, 5, 12])
def test_any_number_of_mistakes_makes_a_sheet(count):
    contact_sheet([picture(np.eye(3))] * count).canvas.draw()


def test_sheet_without_mistakes_says_so():
    (axes,) = contact_sheet([]).axes
    assert axes.texts[0].get_text() == "none: every decision was right"
