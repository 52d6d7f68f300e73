"""Logistic regression on given columns, its strength chosen on validation."""

import warnings

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from lightning_modules.metrics.ranking import auroc

Features = npt.NDArray[np.float32]
Array = npt.NDArray[np.float64]

STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0)
"""Inverse penalties (scikit-learn's C); of those that rank validation best, the first is taken."""
MOST_STEPS = 200


def regress(
    features: Features, targets: Array, training: slice, validation: slice, *, exclusive: bool
) -> Array:
    """Scores of all cases by regressions fitted on the training cases.

    There is one regression a label, without the cases whose label is not known; or one of all
    classes that exclude one another.

    Args:
        features: Columns on a common scale, float32 ``(n, K)``.
        targets: 1, 0 or NaN, ``(n, L)``; one-hot if ``exclusive``.
        training: Cases to fit on.
        validation: Cases to choose the penalty on, by AUROC; nothing else is taken from them.
        exclusive: Whether exactly one label holds.

    Returns:
        Log-odds, or probabilities if ``exclusive``, float64 ``(n, L)``; NaN where training cases
        have one outcome only.
    """
    width = targets.shape[1]
    groups = [slice(0, width)] if exclusive else [slice(at, at + 1) for at in range(width)]
    fit = _fit_classes if exclusive else _fit_label
    parts = []
    for group in groups:
        own = targets[:, group]
        candidates = [fit(features, own, training, strength) for strength in STRENGTHS]
        areas = [mean_auroc(scores[validation], own[validation]) for scores in candidates]
        parts.append(candidates[int(np.argmax(areas))])
    return np.hstack(parts)


def _fit_label(features: Features, targets: Array, training: slice, strength: float) -> Array:
    outcomes = targets[training, 0]
    known = ~np.isnan(outcomes)
    if len(set(outcomes[known].tolist())) < 2:
        return np.full((len(features), 1), np.nan)
    model = _fit(features[training][known], outcomes[known], strength)
    return np.asarray(model.decision_function(features), np.float64)[:, None]


def _fit_classes(features: Features, targets: Array, training: slice, strength: float) -> Array:
    """One regression of the classes that training cases have; the other classes are NaN."""
    scores = np.full(targets.shape, np.nan)
    classes = targets[training].argmax(axis=1)
    if len(present := np.unique(classes)) > 1:
        model = _fit(features[training], classes, strength)
        scores[:, present] = model.predict_proba(features)
    return scores


def _fit(
    features: Features, outcomes: npt.NDArray[np.generic], strength: float
) -> LogisticRegression:
    with warnings.catch_warnings():  # one that is almost there ranks the same
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=strength, max_iter=MOST_STEPS).fit(features, outcomes)


def mean_auroc(scores: Array, targets: Array) -> float:
    """Mean AUROC over the labels for which it is defined; 0 where it is for none."""
    areas = [
        float(auroc(own, truth)[0])
        for own, truth in zip(scores.T, targets.T, strict=True)
        if not np.isnan(own).any()
    ]
    defined = [area for area in areas if not np.isnan(area)]
    return sum(defined) / len(defined) if defined else 0.0
