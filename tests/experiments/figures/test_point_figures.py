from types import SimpleNamespace

import numpy as np
import pytest
from fakes.scored_points import scored_points
from matplotlib.figure import Figure

from datamodules.landmark_info import LandmarkInfo
from experiments.figures.landmarks import landmark_figures, point_sheet, worst_cases
from experiments.figures.measure_agreement import Measured, measure_agreement
from experiments.figures.point_errors import confidence_errors, point_curve, point_errors
from experiments.figures.point_overlays import PointedImage, point_overlays
from experiments.reporting.figures import OF_LANDMARKERS
from lightning_modules.configs.landmark_measures import DistanceConfig
from lightning_modules.metrics.landmarks import LandmarkMetrics


def pixels(figure: Figure) -> np.ndarray:
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())


def texts(axes) -> list[str]:
    return [each.get_text() for each in axes.texts]


def rows_of(figure: Figure) -> list[str]:
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


def test_few_landmarks_have_a_row_each_in_their_order():
    errors = {"nasion": np.array([1.0, 2.0]), "apex": np.array([np.nan, 4.0])}
    figure = point_errors(errors, "mm")
    assert rows_of(figure) == ["nasion", "apex"]
    assert pixels(figure).std() > 5


def test_many_numbered_landmarks_share_a_row_with_those_of_their_name():
    errors = {f"{name}_{number}": np.ones(3) for name in ("heart", "lung") for number in range(30)}
    assert rows_of(point_errors(errors, "mm")) == ["heart", "lung"]


def test_of_many_names_the_farthest_are_shown_and_the_title_says_so():
    errors = {f"{chr(97 + at // 26)}{chr(97 + at % 26)}": np.full(2, at + 1.0) for at in range(60)}
    figure = point_errors(errors, "mm")
    assert rows_of(figure) == list(errors)[20:]
    assert "the 40 farthest" in figure.get_suptitle()


def test_distance_of_nothing_is_drawn_at_the_end_of_the_scale():
    axes = point_errors({"apex": np.array([0.0, 1.0, 3.0])}, "mm").axes[0]
    (dots, *_) = axes.lines
    assert axes.get_xlim()[0] < min(dots.get_xdata())


def test_curve_says_the_share_within_two_and_four():
    errors = np.array([[1.0, 2.0], [3.0, np.nan], [5.0, 9.0]])
    figure = point_curve(errors, {"mean shape": errors + 4}, "mm")
    assert texts(figure.axes[0]) == ["40 %", "60 %"]
    legend = figure.axes[0].get_legend()
    assert [each.get_text() for each in legend.get_texts()] == ["network", "mean shape"]


def test_running_median_follows_confidence():
    confidence = np.linspace(0.1, 0.9, 200)
    axes = confidence_errors(confidence, 10 - 8 * confidence, "mm").axes[0]
    line = axes.lines[1]
    assert np.all(np.diff(line.get_ydata()) < 0)
    assert np.interp(0.5, line.get_xdata(), line.get_ydata()) == pytest.approx(6, abs=0.1)


@pytest.mark.parametrize(
    "figure",
    [
        lambda: point_errors({"apex": np.array([np.nan])}, "mm"),
        lambda: point_curve(np.array([np.nan]), {}, "mm"),
        lambda: confidence_errors(np.array([0.5]), np.array([np.nan]), "mm"),
    ],
)
def test_without_a_marked_point_a_figure_says_so(figure):
    assert texts(figure().axes[0]) == ["no point is marked"]


def test_agreement_of_a_measure_has_its_bias_and_limits():
    true = np.array([10.0, 20.0, 30.0, np.nan])
    predicted = true + np.array([1.0, 2.0, 3.0, 4.0])
    identity, difference = measure_agreement({"width": Measured(predicted, true, "mm")}).axes
    assert identity.get_xlabel() == "True, mm"
    assert difference.get_title("left") == "bias 2.0, limits 0.0 to 4.0"
    heights = [line.get_ydata()[0] for line in difference.lines[2:]]
    assert heights == pytest.approx([2, 2 - 1.96, 2 + 1.96])


def test_measure_that_is_never_defined_says_so():
    nothing = np.full(3, np.nan)
    figure = measure_agreement(
        {"a": Measured(nothing, nothing, ""), "b": Measured(*2 * [np.arange(3.0)], "")}
    )
    assert texts(figure.axes[0]) == ["undefined in every case"]


FOUND, TRUE = [[30.0, 12.0], [8.0, 40.0]], [[30.0, 10.0], [np.nan, np.nan]]


def test_points_of_an_image_are_drawn_at_their_column_and_row():
    case = PointedImage(
        "case",
        np.random.rand(1, 50, 60),
        (1.0, 1.0),
        np.array(FOUND),
        np.array(TRUE),
        np.array([2.0, np.nan]),
    )
    axes = point_overlays([case], ["apex", "tip"], "mm", "sheet").axes[0]
    marked, found = axes.lines[-2:]
    assert np.transpose(found.get_data()).tolist() == [[12, 30], [40, 8]]
    assert np.transpose(marked.get_data())[0].tolist() == [10, 30]
    assert axes.get_xlabel() == "1: apex 2.0 mm"
    assert texts(axes) == ["1"]


def test_points_of_a_volume_are_in_three_planes_through_the_worst():
    case = PointedImage(
        "case",
        np.random.rand(1, 40, 50, 60),
        (1.0, 1.0, 2.0),
        np.array([[12.0, 22.0, 31.0], [30.0, 40.0, 50.0]]),
        np.array([[10.5, 20.5, 30.5], [30.0, 40.0, 50.0]]),
        np.array([2.2, 0.0]),
    )
    axial, coronal, sagittal = point_overlays([case], ["apex", "tip"], "mm", "sheet").axes
    names = [axes.get_xlabel() for axes in (axial, coronal, sagittal)]
    assert names == ["axial 31", "coronal 21", "sagittal 11"]
    near, far = axial.lines[-1], axial.lines[-3]
    assert np.transpose(near.get_data()).tolist() == [[40 - 12, 50 - 22]]
    assert near.get_alpha() > far.get_alpha()
    assert "1: apex 2.2 mm" in axial.get_title("left")


def test_nothing_to_show_is_a_sheet_too():
    assert pixels(point_overlays([], ["apex"], "mm", "No point is marked")).shape[2] == 4


def test_point_far_outside_does_not_move_the_view_off_the_image():
    case = PointedImage("case", np.random.rand(1, 50, 60), (1.0, 1.0), np.array([[500.0, -90.0]]))
    axes = point_overlays([case], ["apex"], "mm", "sheet").axes[0]
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    assert 0 <= left < right <= 60
    assert 0 <= top < bottom <= 50


class Halved:
    """A grid of half as many voxels along each axis."""

    def prepare_points(self, points):
        return np.asarray(points, np.float32) / 2


def trained(axes: int) -> tuple[SimpleNamespace, SimpleNamespace]:
    """A module that has scored 9 cases of 4 landmarks, and its data."""
    names = ("a", "b", "c", "d")
    rows = scored_points(9, 4, axes=axes)
    measures = [DistanceConfig(name="width", between=("a", "d"))]
    info = LandmarkInfo(names, 1, (50,) * axes, (2.0,) * axes)
    module = SimpleNamespace(
        rows={"val": rows}, data=info, metrics=LandmarkMetrics(names, True, (), measures, axes)
    )
    images = np.random.default_rng(0).random((9, 1, *(50,) * axes))
    cases = [SimpleNamespace(case_id=row["case_id"]) for row in rows]
    cache = SimpleNamespace(image=lambda index: images[index], geometry=lambda index: Halved())
    return module, SimpleNamespace(table=SimpleNamespace(cases=cases), cache=cache)


@pytest.mark.parametrize("axes", [2, 3])
def test_every_figure_of_a_landmarker_is_drawn_and_has_a_caption(axes):
    drawings = dict(landmark_figures(*trained(axes)))
    assert set(drawings) == set(OF_LANDMARKERS)
    for draw in drawings.values():
        assert pixels(draw()).std() > 5


def test_sheet_has_the_worst_cases_and_names_them_as_it_is_told():
    module, data = trained(2)
    rows = module.rows["val"]
    rows[5]["found"][0] = [0.0, 0.0]
    figure = point_sheet(module, data, rows, name_of=lambda case: f"hidden {case[-3:]}")
    titles = [axes.get_title("left") for axes in figure.axes]
    assert len(titles) == 8
    assert titles[0].endswith("mm: hidden 005")
    ring = figure.axes[0].lines[-1]
    assert np.transpose(ring.get_data())[1] == pytest.approx(
        np.array(rows[5]["found"][1])[::-1] / 2, rel=1e-5
    )


def test_case_without_a_marked_point_is_no_worst_case():
    errors = np.array([[1.0, 2.0], [np.nan, np.nan], [np.nan, 5.0]])
    assert worst_cases(errors) == [2, 0]
