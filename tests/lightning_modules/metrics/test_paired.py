import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from datamodules.data_info import LabelSet
from lightning_modules.metrics.intervals import bootstrap_weights
from lightning_modules.metrics.paired import paired_auroc
from lightning_modules.metrics.rows import ScoreTable

ONE = LabelSet(("a",), exclusive=False)
TWO = LabelSet(("a", "b"), exclusive=False)


@pytest.fixture
def scored():
    """Two scores that share most of their noise, two labels, two cases a patient."""
    random = np.random.default_rng(0)
    targets = (random.random((120, 2)) < 0.4).astype(float)
    shared = random.normal(size=(120, 2))
    first = 1.5 * targets + shared + 0.3 * random.normal(size=(120, 2))
    second = 1.0 * targets + shared + 0.3 * random.normal(size=(120, 2))
    patients = tuple(f"p{case // 2}" for case in range(120))
    return ScoreTable(patients, first, targets), second


def only_first_label(table):
    return ScoreTable(table.patients, table.scores[:, :1], table.targets[:, :1])


def naive_differences(table, second, samples):
    """A loop over bootstrap samples with scikit-learn."""
    for (weights,) in bootstrap_weights(table.patients, samples, seed=0, chunk=1):
        times = weights.astype(int)
        truth = np.repeat(table.targets[:, 0], times)
        scores = (np.repeat(each[:, 0], times) for each in (table.scores, second))
        areas = [roc_auc_score(truth, each) for each in scores]
        yield areas[0] - areas[1]


def test_values_are_those_of_scikit_learn(scored):
    table, second = scored
    found = paired_auroc(table, second, TWO, samples=0, seed=0)
    for at, label in enumerate("ab"):
        areas = [roc_auc_score(table.targets[:, at], s[:, at]) for s in (table.scores, second)]
        assert found[f"first/{label}"].value == pytest.approx(areas[0])
        assert found[f"second/{label}"].value == pytest.approx(areas[1])
        assert found[f"difference/{label}"].value == pytest.approx(areas[0] - areas[1])
    mean = (found["difference/a"].value + found["difference/b"].value) / 2
    assert found["difference"].value == pytest.approx(mean)


def test_interval_is_that_of_a_loop_that_resamples_both_alike(scored):
    table, second = only_first_label(scored[0]), scored[1][:, :1]
    figure = paired_auroc(table, second, ONE, samples=200, seed=0)["difference"]
    low, high = np.quantile(list(naive_differences(table, second, 200)), [0.025, 0.975])
    assert (figure.low, figure.high) == pytest.approx((low, high))


def test_interval_of_the_difference_is_narrower_than_those_of_its_parts(scored):
    found = paired_auroc(*scored, TWO, samples=500, seed=0)
    widths = {name: figure.high - figure.low for name, figure in found.items()}
    assert widths["difference"] < 0.6 * min(widths["first"], widths["second"])


def test_the_same_scores_do_not_differ(scored):
    figure = paired_auroc(scored[0], scored[0].scores, TWO, samples=50, seed=0)["difference"]
    assert (figure.value, figure.low, figure.high) == (0, 0, 0)


def test_changed_places_change_the_sign(scored):
    table, second = scored
    ahead = paired_auroc(table, second, TWO, samples=100, seed=0)["difference"]
    swapped = ScoreTable(table.patients, second, table.targets)
    behind = paired_auroc(swapped, table.scores, TWO, samples=100, seed=0)["difference"]
    assert (behind.value, behind.low) == pytest.approx((-ahead.value, -ahead.high))


def test_a_case_without_the_second_score_counts_on_neither_side(scored):
    table, second = only_first_label(scored[0]), scored[1][:, :1].copy()
    second[:20] = np.nan
    found = paired_auroc(table, second, ONE, samples=0, seed=0)
    expected = roc_auc_score(table.targets[20:, 0], table.scores[20:, 0])
    assert found["first"].value == pytest.approx(expected)
    assert (found["first"].cases, found["first"].patients) == (100, 50)


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (0.0, "no positive case"),
        (1.0, "no negative case"),
        (np.nan, "no case with a known label and both scores"),
    ],
)
def test_what_is_undefined_has_a_reason_and_the_mean_goes_without_it(scored, target, reason):
    table, second = scored
    table.targets[:, 1] = target
    found = paired_auroc(table, second, TWO, samples=50, seed=0)
    assert found["difference/b"].value is None
    assert found["difference/b"].reason == reason
    assert found["difference"].value == found["difference/a"].value


def test_a_single_label_has_no_figures_of_its_own_beside_the_mean(scored):
    table, second = only_first_label(scored[0]), scored[1][:, :1]
    assert set(paired_auroc(table, second, ONE, 0, 0)) == {"first", "second", "difference"}


def test_figures_do_not_depend_on_the_order_of_cases(scored):
    table, second = scored
    order = np.random.default_rng(1).permutation(120)
    shuffled = ScoreTable(
        tuple(np.array(table.patients)[order]), table.scores[order], table.targets[order]
    )
    found = paired_auroc(table, second, TWO, samples=100, seed=0)
    again = paired_auroc(shuffled, second[order], TWO, samples=100, seed=0)
    for name, figure in found.items():
        expected = (figure.value, figure.low, figure.high)
        assert (again[name].value, again[name].low, again[name].high) == pytest.approx(expected)
