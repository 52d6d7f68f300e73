import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from experiments.figures.style import COLORS, new_figure, panels, save, shorten, styled


@styled
def drawn(text="title"):
    figure = new_figure(3, 2, text)
    figure.subplots().plot([0, 1], [0, 1])
    return figure


def luminance(color):
    return np.array(mpl.colors.to_rgb(color)) ** 2.2 @ [0.2126, 0.7152, 0.0722]


def test_drawing_leaves_the_settings_of_the_process_alone():
    with mpl.rc_context({"font.size": 31, "axes.grid": False}):
        figure = drawn()
        assert mpl.rcParams["font.size"] == 31
    assert figure.axes[0].xaxis.get_gridlines()[0].get_visible()
    assert figure.axes[0].xaxis.label.get_fontsize() == 9


def test_png_has_150_dots_an_inch(tmp_path):
    save(drawn(), tmp_path / "figures" / "one.png")
    with Image.open(tmp_path / "figures" / "one.png") as image:
        assert image.size == (450, 300)


def test_same_figure_is_the_same_file(tmp_path):
    for name in ("a.png", "b.png"):
        save(drawn(), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_failed_save_keeps_the_earlier_file_and_leaves_nothing_half_written(tmp_path):
    save(drawn(), tmp_path / "a.png")
    before = (tmp_path / "a.png").read_bytes()
    broken = drawn()
    broken.set_size_inches(1e6, 1e6)
    with pytest.raises(ValueError, match="too large"):
        save(broken, tmp_path / "a.png")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == before


def test_dollar_signs_in_names_are_not_formulae(tmp_path):
    save(drawn("cost $x_{ and $"), tmp_path / "a.png")
    assert (tmp_path / "a.png").exists()


@pytest.mark.parametrize(("count", "shape"), [(1, (1, 1)), (5, (1, 5)), (6, (2, 3)), (14, (3, 5))])
def test_panels_fill_their_rows(count, shape):
    figure, axes = styled(lambda: panels(count, ""))()
    assert len(axes) == len(figure.axes) == count
    assert axes[0].get_gridspec().get_geometry() == shape


def test_colours_differ_in_brightness_from_white_and_in_hue_from_each_other():
    assert all((1.05 / (luminance(color) + 0.05)) > 2 for color in COLORS)
    assert len(set(COLORS)) == len(COLORS) == 7


def test_long_names_are_cut_with_a_sign():
    assert shorten("short") == "short"
    assert shorten("a" * 30, 10) == "a" * 9 + "\N{HORIZONTAL ELLIPSIS}"
