import numpy as np
import pytest
from sklearn import metrics

from datamodules.data_info import LabelSet
from experiments.figures.classification import calibration, precision_recall, roc
from experiments.figures.confusion_matrix import confusion_matrix

BINARY = LabelSet(("Nodule",), exclusive=False, negative="normal")
FOURTEEN = LabelSet(tuple(f"finding {i}" for i in range(14)), exclusive=False)
CLASSES = LabelSet(("a", "b", "c"), exclusive=True)
FIGURES = [roc, precision_recall, confusion_matrix, calibration]

pytestmark = pytest.mark.filterwarnings("error")


def rows_of(scores, targets):
    return [
        {
            "case_id": f"c{i:04d}",
            "patient_id": "p",
            "scores": list(score),
            "targets": [None if np.isnan(value) else value for value in truth],
        }
        for i, (score, truth) in enumerate(zip(scores, targets, strict=True))
    ]


def generate(labels, cases=200):
    generator = np.random.default_rng(0)
    count = len(labels.names)
    if labels.exclusive:
        targets = np.eye(count)[generator.integers(0, count, cases)]
        return generator.dirichlet(np.ones(count), cases), targets
    targets = (generator.random((cases, count)) < 0.3).astype(float)
    return np.clip(generator.normal(0.3 + 0.3 * targets, 0.2), 0, 1), targets


def lines(axes):
    return [line.get_xydata() for line in axes.get_lines()]


def texts(figure):
    legends = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    return "\n".join([*legends, *titles, *(t.get_text() for a in figure.axes for t in a.texts)])


def has_line(axes, points):
    return any(line.shape == points.shape and np.allclose(line, points) for line in lines(axes))


def test_roc_curve_is_that_of_scikit_learn():
    scores, targets = generate(BINARY)
    figure = roc(rows_of(scores, targets), BINARY)
    false, found, _ = metrics.roc_curve(targets[:, 0], scores[:, 0])
    assert has_line(figure.axes[0], np.stack([false, found], axis=1))
    area = metrics.roc_auc_score(targets[:, 0], scores[:, 0])
    assert f"Nodule: AUROC {area:.3f} ({targets.sum():.0f} of 200 cases)" in texts(figure)


def test_operating_point_lies_where_its_rates_are():
    scores, targets = generate(BINARY)
    called, truth = scores[:, 0] >= 0.4, targets[:, 0] == 1
    found, false, right = called[truth].mean(), called[~truth].mean(), truth[called].mean()
    rows = rows_of(scores, targets)
    assert has_line(roc(rows, BINARY, {"Nodule": 0.4}).axes[0], np.array([[false, found]]))
    figure = precision_recall(rows, BINARY, {"Nodule": 0.4})
    assert has_line(figure.axes[0], np.array([[found, right]]))
    assert "probability ≥ 0.4" in texts(figure)


def test_area_below_the_drawn_steps_is_the_average_precision():
    scores, targets = generate(BINARY)
    figure = precision_recall(rows_of(scores, targets), BINARY)
    curve = max(lines(figure.axes[0]), key=len)
    area = np.diff(curve[:, 0]) @ curve[1:, 1]
    expected = metrics.average_precision_score(targets[:, 0], scores[:, 0])
    assert area == pytest.approx(expected)
    assert f"AP {expected:.3f}" in texts(figure)


@pytest.mark.parametrize("draw", [roc, precision_recall])
def test_many_labels_have_a_panel_each_and_few_share_one(draw):
    scores, targets = generate(FOURTEEN)
    assert len(draw(rows_of(scores, targets), FOURTEEN).axes) == 14
    three = LabelSet(FOURTEEN.names[:3], exclusive=False)
    figure = draw(rows_of(scores[:, :3], targets[:, :3]), three)
    assert len(figure.axes) == 1
    assert len(figure.legends[0].get_texts()) == 3


@pytest.mark.parametrize("draw", FIGURES)
def test_unknown_labels_are_left_out_and_counted(draw):
    scores, targets = generate(FOURTEEN)
    targets[:50, 3] = np.nan
    panel = draw(rows_of(scores, targets), FOURTEEN).axes[3].get_title(loc="left")
    assert "150 cases" in panel


@pytest.mark.parametrize("draw", [roc, precision_recall])
def test_label_without_a_positive_case_says_so_in_place_of_a_curve(draw):
    scores, targets = generate(FOURTEEN)
    targets[:, 13] = 0
    figure = draw(rows_of(scores, targets), FOURTEEN, dict.fromkeys(FOURTEEN.names, 0.5))
    assert [text.get_text() for text in figure.axes[13].texts] == ["no positive case"]
    assert not lines(figure.axes[13])


@pytest.mark.parametrize("draw", FIGURES)
@pytest.mark.parametrize("labels", [BINARY, FOURTEEN, CLASSES], ids=["one", "many", "classes"])
@pytest.mark.parametrize("cases", [0, 1, 3])
def test_hardly_any_cases_still_make_a_figure(draw, labels, cases):
    draw(rows_of(*generate(labels, cases)), labels).canvas.draw()


def test_confusion_matrix_of_one_label_stands_at_both_thresholds():
    scores, targets = generate(BINARY)
    figure = confusion_matrix(rows_of(scores, targets), BINARY, {"Nodule": 0.3})
    for axes, threshold in zip(figure.axes, (0.5, 0.3), strict=True):
        counts = metrics.confusion_matrix(targets[:, 0], scores[:, 0] >= threshold).ravel()
        shown = [int(text.get_text().split("\n")[0]) for text in axes.texts]
        assert shown == counts.tolist()
    assert "operating point: at 0.3 (200 cases)" in texts(figure)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["normal", "Nodule"]


def test_confusion_matrix_of_classes_gives_counts_and_shares_of_rows():
    scores, targets = generate(CLASSES)
    (axes,) = confusion_matrix(rows_of(scores, targets), CLASSES).axes
    counts = metrics.confusion_matrix(targets.argmax(axis=1), scores.argmax(axis=1))
    shares = counts / counts.sum(axis=1, keepdims=True)
    expected = [f"{c}\n{s:.0%}" for c, s in zip(counts.ravel(), shares.ravel(), strict=True)]
    assert [text.get_text() for text in axes.texts] == expected


def test_reliability_points_and_histogram_are_those_of_the_bins():
    scores = np.array([0.02, 0.04, 0.04, 0.52, 0.53])[:, None]
    (axes,) = calibration(rows_of(scores, np.array([0, 0, 1, 1, 1.0])[:, None]), BINARY).axes
    assert has_line(axes, np.array([[0.1 / 3, 1 / 3], [0.525, 1.0]]))
    heights = [bar.get_height() for bar in axes.patches]
    assert len(heights) == 15
    assert heights[7] / heights[0] == pytest.approx(2 / 3)


def test_whiskers_are_wilson_intervals():
    scores = np.full((10, 1), 0.5)
    targets = (np.arange(10) < 8).astype(float)[:, None]
    (axes,) = calibration(rows_of(scores, targets), BINARY).axes
    (whisker,) = axes.collections[0].get_segments()
    assert whisker[:, 1] == pytest.approx([0.490, 0.943], abs=1e-3)  # of 8 in 10, as published


def test_calibration_of_classes_is_that_of_the_likeliest():
    scores = np.array([[0.7, 0.2, 0.1], [0.2, 0.7, 0.1]])
    figure = calibration(rows_of(scores, np.eye(3)[[0, 0]]), CLASSES)
    assert has_line(figure.axes[0], np.array([[0.7, 0.5]]))
    assert "ECE 0.200, 2 cases" in texts(figure)
