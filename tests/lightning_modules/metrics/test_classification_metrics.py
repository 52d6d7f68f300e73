import json

import numpy as np
import pytest
from sklearn import metrics

from datamodules.data_info import LabelSet
from datamodules.errors import LightboxError
from lightning_modules.metrics.classification import EPOCH_FIGURES, ClassificationMetrics
from lightning_modules.metrics.decisions import decided_row
from lightning_modules.metrics.thresholded import THRESHOLDED

BINARY = LabelSet(("Nodule",), exclusive=False, negative="normal")
FINDINGS = LabelSet(("Mass", "Hernia", "Edema"), exclusive=False)
CLASSES = LabelSet(("a", "b", "c", "d"), exclusive=True)
AREAS = {"auroc": metrics.roc_auc_score, "average_precision": metrics.average_precision_score}


def rows_of(scores, targets, patients=None):
    patients = [f"p{i // 2}" for i in range(len(scores))] if patients is None else patients
    return [
        {
            "case_id": f"c{i:04d}",
            "patient_id": patient,
            "scores": np.atleast_1d(score).tolist(),
            "targets": [None if np.isnan(target) else target for target in np.atleast_1d(truth)],
        }
        for i, (score, truth, patient) in enumerate(zip(scores, targets, patients, strict=True))
    ]


@pytest.fixture
def findings():
    """Scores and targets of three labels, one in five not known."""
    generator = np.random.default_rng(0)
    targets = (generator.random((300, 3)) < [0.3, 0.1, 0.5]).astype(float)
    scores = np.round(np.clip(generator.normal(0.4 + 0.2 * targets, 0.2), 0.01, 0.99), 2)
    targets[generator.random((300, 3)) < 0.2] = np.nan
    return scores, targets


@pytest.fixture
def classes():
    """Scores and true class of 300 cases."""
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 4, 300)
    logits = generator.normal(size=(300, 4)) + np.eye(4)[truth]
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), truth


def values(labels, rows, thresholds=None, samples=0):
    return ClassificationMetrics(labels).figures(rows, thresholds, samples=samples, seed=0)


def test_figures_of_labels_are_those_of_scikit_learn_on_the_known_cases(findings):
    found = values(FINDINGS, rows_of(*findings))
    for index, label in enumerate(FINDINGS.names):
        known = ~np.isnan(findings[1][:, index])
        truth, scores = findings[1][known, index], findings[0][known, index]
        expected = {name: area(truth, scores) for name, area in AREAS.items()}
        expected |= {
            "brier": metrics.brier_score_loss(truth, scores),
            "log_loss": metrics.log_loss(truth, scores),
            "f1": metrics.f1_score(truth, scores >= 0.5),
            "accuracy": metrics.accuracy_score(truth, scores >= 0.5),
        }
        assert {n: found[f"{n}/{label}"].value for n in expected} == pytest.approx(expected)
        assert found[f"auroc/{label}"].cases == known.sum()


def test_plain_names_are_means_over_labels(findings):
    found = values(FINDINGS, rows_of(*findings), dict.fromkeys(FINDINGS.names, 0.3))
    plain = [name for name in found if "/" not in name]
    assert len(plain) == 5 + 2 * len(THRESHOLDED)
    for name in plain:
        own = [found[f"{name}/{label}"].value for label in FINDINGS.names]
        assert found[name].value == pytest.approx(np.mean(own)), name


def test_figures_at_the_operating_point_use_each_labels_threshold(findings):
    thresholds = {"Mass": 0.3, "Hernia": 0.55, "Edema": 0.4}
    found = values(FINDINGS, rows_of(*findings), thresholds)
    for index, (label, threshold) in enumerate(thresholds.items()):
        known = ~np.isnan(findings[1][:, index])
        called = findings[0][known, index] >= threshold
        expected = metrics.recall_score(findings[1][known, index], called)
        assert found[f"sensitivity@operating_point/{label}"].value == pytest.approx(expected)


def test_decisions_of_classes_are_those_of_scikit_learn(classes):
    scores, truth = classes
    found = values(CLASSES, rows_of(scores, np.eye(4)[truth]), thresholds={})
    decision, one_hot = scores.argmax(axis=1), np.eye(4)[truth]
    expected = {
        "accuracy": metrics.accuracy_score(truth, decision),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, decision),
        "sensitivity": metrics.recall_score(truth, decision, average="macro"),
        "ppv": metrics.precision_score(truth, decision, average="macro"),
        "f1": metrics.f1_score(truth, decision, average="macro"),
        "auroc": metrics.roc_auc_score(truth, scores, multi_class="ovr"),
        "average_precision": metrics.average_precision_score(one_hot, scores),
        "log_loss": metrics.log_loss(truth, scores),
        "brier": metrics.brier_score_loss(truth, scores),
        "specificity/b": metrics.recall_score(truth != 1, decision != 1),
        "accuracy/b": metrics.accuracy_score(truth == 1, decision == 1),
    }
    assert {name: found[name].value for name in expected} == pytest.approx(expected)
    assert not [name for name in found if "@" in name]


def test_binary_figures_have_no_second_name():
    rows = rows_of([0.1, 0.8, 0.6, 0.3], [0.0, 1.0, 0.0, 1.0])
    assert not [name for name in values(BINARY, rows, {"Nodule": 0.5}) if "/" in name]


def test_summary_holds_the_same_values_as_the_figures(findings):
    rows = rows_of(*findings)
    summary = ClassificationMetrics(FINDINGS).summarize(rows)
    found = values(FINDINGS, rows)
    assert summary == {name: found[name].value for name in EPOCH_FIGURES if name in found}


def test_summary_leaves_out_what_is_undefined():
    summary = ClassificationMetrics(BINARY).summarize(rows_of([0.2, 0.7], [0.0, 0.0]))
    assert set(summary) == {"log_loss", "accuracy", "specificity", "brier", "ece"}
    assert ClassificationMetrics(BINARY).summarize([]) == {}


def test_summary_has_the_mean_loss_where_rows_have_one():
    rows = rows_of([0.2, 0.7], [0.0, 1.0])
    for row, loss in zip(rows, (0.5, 1.5), strict=True):
        row["loss"] = loss
    assert ClassificationMetrics(BINARY).summarize(rows)["loss"] == 1


@pytest.mark.parametrize(
    ("scores", "targets", "reasons"),
    [
        ([0.2, 0.7], [0, 0], {"auroc": "no positive case", "f1": "no positive case"}),
        ([0.2, 0.7], [1, 1], {"auroc": "no negative case", "specificity": "no negative case"}),
        ([0.2, 0.3], [0, 1], {"ppv": "no case is called positive"}),
        ([0.8, 0.7], [0, 1], {"npv": "no case is called negative"}),
        ([0.8], [np.nan], {"accuracy": "label not known in any case"}),
    ],
)
def test_undefined_has_no_value_but_a_reason(scores, targets, reasons):
    found = values(BINARY, rows_of(scores, np.array(targets, float)), {"Nodule": 0.5}, samples=100)
    for name, reason in reasons.items():
        assert (found[name].value, found[name].low, found[name].reason) == (None, None, reason)
        point = found.get(f"{name}@operating_point", found[name])
        assert point.reason == reason


def test_no_rows_give_no_values():
    for labels in (BINARY, FINDINGS, CLASSES):
        assert all(figure.value is None and figure.reason for figure in values(labels, []).values())


def test_mean_leaves_out_labels_without_a_value_and_says_so(findings):
    scores, targets = findings
    targets[targets[:, 1] == 1, 1] = 0
    found = values(FINDINGS, rows_of(scores, targets), samples=100)
    own = [found["auroc/Mass"].value, found["auroc/Edema"].value]
    assert found["auroc"].value == pytest.approx(np.mean(own))
    assert found["auroc"].reason == "undefined for 1 of 3 labels: Hernia"
    assert found["auroc/Hernia"].reason == "no positive case"
    assert found["auroc"].low < found["auroc"].value < found["auroc"].high


def test_perfect_model_with_an_absent_class_is_perfect():
    # torchmetrics gives .667 here, counting the absent class as zero.
    rows = rows_of(np.eye(3)[[0, 1, 1, 0]], np.eye(3)[[0, 1, 1, 0]])
    found = values(LabelSet(("a", "b", "c"), exclusive=True), rows)
    assert found["auroc"].value == found["balanced_accuracy"].value == 1
    assert found["balanced_accuracy"].reason == "undefined for 1 of 3 classes: c"


def test_one_class_alone_is_undefined_for_all():
    rows = rows_of(np.eye(3)[[0, 0]], np.eye(3)[[0, 0]])
    found = values(LabelSet(("a", "b", "c"), exclusive=True), rows)
    assert found["auroc"].reason == "undefined for 3 of 3 classes: a, b, c"


def test_figures_do_not_depend_on_the_order_of_rows(findings):
    rows = rows_of(*findings)
    shuffled = [rows[i] for i in np.random.default_rng(1).permutation(len(rows))]
    assert values(FINDINGS, rows, samples=50) == values(FINDINGS, shuffled, samples=50)


def test_intervals_hold_their_values_and_patients_are_counted(findings):
    found = values(FINDINGS, rows_of(*findings), samples=300)
    for name, figure in found.items():
        slack = 0.02 if name.startswith("ece") else 0.0  # resampling adds to an absolute error
        assert figure.low - slack <= figure.value <= figure.high, name
    assert (found["auroc"].cases, found["auroc"].patients) == (
        sum(~np.isnan(findings[1]).all(axis=1)),
        len({i // 2 for i in np.flatnonzero(~np.isnan(findings[1]).all(axis=1))}),
    )


def test_figures_are_plain_json(classes):
    scores, truth = classes
    found = values(CLASSES, rows_of(scores, np.eye(4)[truth]), samples=20)
    plain = {name: figure.to_dict() for name, figure in found.items()}
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


def test_score_that_is_no_number_names_case_and_label():
    rows = rows_of([0.2, np.nan], [0.0, 1.0])
    with pytest.raises(LightboxError, match=r"case 'c0001': the score for 'Nodule' is nan"):
        ClassificationMetrics(BINARY).summarize(rows)


def test_confusion_of_labels_is_that_of_scikit_learn(findings):
    thresholds = {"Mass": 0.3, "Hernia": 0.55, "Edema": 0.4}
    matrices = ClassificationMetrics(FINDINGS).confusion(rows_of(*findings), thresholds)
    assert [matrix.label for matrix in matrices] == list(FINDINGS.names)
    for index, matrix in enumerate(matrices):
        known = ~np.isnan(findings[1][:, index])
        called = findings[0][known, index] >= thresholds[matrix.label]
        expected = metrics.confusion_matrix(findings[1][known, index], called)
        np.testing.assert_array_equal(matrix.counts, expected)


def test_confusion_of_classes_is_that_of_scikit_learn(classes):
    scores, truth = classes
    targets = np.eye(4)[truth]
    targets[:10] = np.nan
    (matrix,) = ClassificationMetrics(CLASSES).confusion(rows_of(scores, targets))
    expected = metrics.confusion_matrix(truth[10:], scores[10:].argmax(axis=1))
    np.testing.assert_array_equal(matrix.counts, expected)
    assert (matrix.label, matrix.threshold, matrix.classes) == (None, None, CLASSES.names)


def test_binary_confusion_names_both_sides():
    rows = rows_of([0.5, 0.4], [1.0, 1.0])
    (matrix,) = ClassificationMetrics(BINARY).confusion(rows)
    assert (matrix.classes, matrix.counts) == (("normal", "Nodule"), ((0, 0), (1, 1)))


def test_rows_that_hold_decisions_are_judged_by_them_and_not_by_a_threshold(findings):
    rows = rows_of(*findings)
    chosen = {"Mass": 0.3, "Hernia": 0.6, "Edema": 0.45}
    expected = values(FINDINGS, rows, chosen, samples=20)
    decided = [decided_row(row, FINDINGS, chosen) for row in rows]
    assert values(FINDINGS, decided, samples=20) == expected


def test_pooled_decisions_are_those_of_two_models(findings):
    scores, truth = findings[0][:, 2], findings[1][:, 2]
    label = LabelSet(("Edema",), exclusive=False)
    thresholds = np.where(np.arange(300) < 100, 0.3, 0.7)
    rows = [
        decided_row(row, label, {"Edema": threshold})
        for row, threshold in zip(rows_of(scores, truth), thresholds, strict=True)
    ]
    known = ~np.isnan(truth)
    called = (scores >= thresholds)[known]
    found = values(label, rows)
    assert found["f1@operating_point"].value == pytest.approx(
        metrics.f1_score(truth[known], called)
    )
    assert found["auroc"].value == pytest.approx(metrics.roc_auc_score(truth[known], scores[known]))


def test_exclusive_classes_need_no_decision_in_their_rows():
    row = {"case_id": "c", "patient_id": "p", "scores": [0.1, 0.2, 0.3, 0.4], "targets": []}
    assert decided_row(row, CLASSES, {}) == row
