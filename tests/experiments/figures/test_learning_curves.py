import numpy as np
import pytest

from experiments.figures.learning_curves import learning_curves, smooth

pytestmark = pytest.mark.filterwarnings("error")


def row(step, epoch, **values):
    named = {name.replace("__", "/"): value for name, value in values.items()}
    return {"step": step, "epoch": epoch, "time": 0.0, "attempt": 1, "values": named}


def run(losses=(0.5, 0.3, 0.4), aurocs=(0.7, 0.8, 0.9)):
    rows = []
    for epoch, (loss, auroc) in enumerate(zip(losses, aurocs, strict=True)):
        rows += [row(10 * epoch + step, epoch, train__loss=1 / (epoch + step)) for step in (5, 10)]
        rows.append(row(10 * epoch + 10, epoch, val__log_loss=loss, val__auroc=auroc, val__ece=0.1))
    return rows


def points(axes, label):
    return next(line.get_xydata() for line in axes.get_lines() if line.get_label() == label)


def test_training_loss_stands_over_epochs_completed():
    axes = learning_curves(run(), "log_loss").axes[0]
    np.testing.assert_allclose(points(axes, "each logged step")[:, 0], [0.5, 1, 1.5, 2, 2.5, 3])


def test_one_logged_step_of_one_epoch_is_seen():
    rows = [row(10, 0, train__loss=0.6), row(13, 0, val__log_loss=0.7, val__auroc=0.5)]
    axes = learning_curves(rows, "log_loss").axes[0]
    assert axes.get_xlim()[0] == 0
    assert axes.get_lines()[0].get_marker() == "o"


def test_each_validation_metric_stands_in_the_panel_of_its_direction():
    _, monitored, scores, errors = learning_curves(run(), "val/log_loss").axes
    np.testing.assert_allclose(points(monitored, "log-loss"), [[1, 0.5], [2, 0.3], [3, 0.4]])
    np.testing.assert_allclose(points(scores, "AUROC"), [[1, 0.7], [2, 0.8], [3, 0.9]])
    np.testing.assert_allclose(points(errors, "ECE"), [[1, 0.1], [2, 0.1], [3, 0.1]])


@pytest.mark.parametrize(("monitor", "best"), [("log_loss", [2, 0.3]), ("auroc", [3, 0.9])])
def test_best_epoch_is_marked_in_the_direction_of_the_metric(monitor, best):
    figure = learning_curves(run(), monitor)
    text = f"best: {best[1]:.4g}, after epoch {best[0]}"
    np.testing.assert_allclose(points(figure.axes[1], text), [best])
    assert all(any(line.get_xdata()[0] == best[0] for line in a.get_lines()) for a in figure.axes)


def test_a_panel_that_has_nothing_to_show_is_left_out():
    rows = [row(10, epoch, val__dice=0.5, val__iou=0.4) for epoch in (0, 1)]
    loss, monitored, scores = learning_curves(rows, "dice").axes
    assert [axes.get_xlabel() for axes in (loss, monitored, scores)] == [
        "",
        *["Epochs completed"] * 2,
    ]


def test_figures_of_single_labels_are_left_out():
    rows = [row(10, 0, **{"val/auroc": 0.8, "val/auroc/Nodule": 0.7, "val/log_loss": 0.4})]
    scores = learning_curves(rows, "log_loss").axes[2]
    assert len([line for line in scores.get_lines() if line.get_marker() == "o"]) == 1


@pytest.mark.parametrize("rows", [[], run()[:2], [row(10, 0, val__auroc=0.5)], run()[:3]])
def test_run_that_just_began_still_makes_a_figure(rows):
    learning_curves(rows, "log_loss").canvas.draw()


def test_values_that_are_no_numbers_do_not_stop_the_figure():
    rows = [*run(), row(31, 3, train__loss=float("nan")), row(40, 3, val__log_loss=float("nan"))]
    figure = learning_curves(rows, "log_loss")
    figure.canvas.draw()
    assert points(figure.axes[1], "best: 0.3, after epoch 2").tolist() == [[2, 0.3]]


def test_smoothing_is_a_centred_mean_that_keeps_both_ends():
    values = np.array([3.0, 0, 0, 6, 0])
    np.testing.assert_allclose(smooth(values, 3), [3, 1, 2, 2, 0])
    np.testing.assert_allclose(smooth(np.arange(9.0), 5), np.arange(9.0))


def test_the_last_epoch_is_marked_where_it_was_kept():
    figure = learning_curves(run(), "log_loss", keep_last=True)
    np.testing.assert_allclose(points(figure.axes[1], "last: 0.4, after epoch 3"), [[3, 0.4]])
    assert "chooses" not in figure.axes[1].get_title()
