"""AUROC beside torchmetrics, and its bootstrap beside a loop over scikit-learn."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torchmetrics.functional.classification import binary_auroc

from datamodules.errors import LightboxError
from experiments.benchmarks.comparison import Comparison
from experiments.benchmarks.sizes import Sizes
from experiments.benchmarks.timing import interleaved, seconds
from lightning_modules.metrics.intervals import Figure, bootstrap
from lightning_modules.metrics.ranking import Ranking, auroc

Array = NDArray[np.float64]
TOLERANCE = 1e-5
"""torchmetrics calculates in float32."""
INTERVAL_TOLERANCE = 0.3
"""Share of the interval's width by which the ends of two bootstraps may differ: they draw apart."""
SAMPLES_TO_AGREE = 200


def compare(sizes: Sizes, folder: Path) -> Iterator[Comparison]:
    """Milliseconds for the same figures, each from arrays of the kind that it takes."""
    del folder
    yield _exact(sizes)
    yield _bootstrap(sizes)


def _exact(sizes: Sizes) -> Comparison:
    scores, targets = draw_scores(sizes.scores)
    tensors = torch.from_numpy(scores.astype(np.float32)), torch.from_numpy(targets).long()
    ours, other = float(auroc(scores, targets)[0]), float(binary_auroc(*tensors))
    _require(abs(ours - other) < TOLERANCE, f"AUROC {ours} and {other}")
    times = interleaved(
        {
            "ours": lambda: 1000 * seconds(lambda: auroc(scores, targets)),
            "other": lambda: 1000 * seconds(lambda: binary_auroc(*tensors)),
        },
        sizes.rounds,
    )
    subject = f"exact AUROC, {sizes.scores} cases"
    return Comparison(
        subject, "ms", times["ours"], "times faster", 5, "torchmetrics", times["other"]
    )


def _bootstrap(sizes: Sizes) -> Comparison:
    scores, targets = draw_scores(sizes.bootstrap_cases)
    samples = sizes.bootstrap_samples
    few = min(samples, SAMPLES_TO_AGREE)
    figure = bootstrapped_auroc(scores, targets, few)
    low, high = np.quantile(looped_auroc(scores, targets, few), [0.025, 0.975])
    _require(
        figure.low is not None
        and figure.high is not None
        and abs(figure.low - low) < INTERVAL_TOLERANCE * (high - low)
        and abs(figure.high - high) < INTERVAL_TOLERANCE * (high - low),
        f"intervals {figure.low} to {figure.high} and {low} to {high}",
    )
    times = interleaved(
        {
            "ours": lambda: 1000 * seconds(lambda: bootstrapped_auroc(scores, targets, samples)),
            "other": lambda: 1000 * seconds(lambda: looped_auroc(scores, targets, samples)),
        },
        sizes.rounds,
    )
    subject = f"{samples} bootstraps of AUROC, {sizes.bootstrap_cases} cases"
    other = "scikit-learn loop"
    return Comparison(subject, "ms", times["ours"], "times faster", 30, other, times["other"])


def bootstrapped_auroc(scores: Array, targets: Array, samples: int) -> Figure:
    """AUROC with its interval as Lightbox reports it, every case a patient of its own."""
    patients = [f"p{number}" for number in range(len(scores))]
    ranking = Ranking(scores, targets)
    return bootstrap(lambda weights: {"auroc": ranking.auroc(weights)}, patients, samples, 0)[
        "auroc"
    ]


def looped_auroc(scores: Array, targets: Array, samples: int) -> list[float]:
    """AUROC of each bootstrap sample, one after another."""
    rng = np.random.default_rng(0)
    drawn = (rng.integers(0, len(scores), len(scores)) for _ in range(samples))
    return [roc_auc_score(targets[cases], scores[cases]) for cases in drawn]


def draw_scores(cases: int) -> tuple[Array, Array]:
    """Probabilities of a fair classifier, float32 in precision, and truths; a third positive."""
    rng = np.random.default_rng(0)
    targets = (np.arange(cases) % 3 == 0).astype(np.float64)
    logits = rng.normal(1.2 * targets - 1, 1.0)
    return (1 / (1 + np.exp(-logits))).astype(np.float32).astype(np.float64), targets


def _require(agree: bool, what: str) -> None:
    if not agree:
        raise LightboxError(f"the two programs do not compute the same: {what}")
