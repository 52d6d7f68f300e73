"""Every figure of a classifier, from per-case rows: point values and 95 % intervals."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import compress

import numpy as np
import numpy.typing as npt

from datamodules.data_info import LabelSet
from lightning_modules.metrics.calibration import brier, ece, log_loss, top_class, weighted_mean
from lightning_modules.metrics.confusion import ConfusionMatrix, confusion_matrices
from lightning_modules.metrics.grades import quadratic_kappa
from lightning_modules.metrics.intervals import Compute, Figure, bootstrap
from lightning_modules.metrics.ranking import Ranking
from lightning_modules.metrics.rows import ClassificationRow, ScoreTable
from lightning_modules.metrics.thresholded import THRESHOLDED, confusion_counts

Array = npt.NDArray[np.float64]

OPERATING_POINT = "@operating_point"
KAPPA = "quadratic_kappa"
"""Of grades alone."""
EPOCH_FIGURES = (
    *("log_loss", "auroc", "average_precision", "accuracy", "balanced_accuracy"),
    *("sensitivity", "specificity", "f1", "brier", "ece", KAPPA),
)
"""What is computed after every validation, as far as it is defined."""
NEED_POSITIVES = {"auroc", "average_precision", "balanced_accuracy", "sensitivity", "f1"}
NEED_NEGATIVES = {"auroc", "average_precision", "balanced_accuracy", "specificity"}


class ClassificationMetrics:
    """Figures of binary, multi-label (with missing labels) and multi-class predictions.

    A figure is named ``auroc`` for the mean over all labels for which it is defined, and
    ``auroc/<label>`` for one label; a single label has the former only. Decisions are taken at 0.5,
    and under names such as ``f1@operating_point`` and ``f1@operating_point/<label>`` at given
    thresholds, or as the rows say. Classes that exclude one another are decided for the likeliest
    one, each figure of a class is that of one against the rest, and ``accuracy``,
    ``balanced_accuracy`` (mean sensitivity), ``brier`` (sum over classes), ``log_loss`` and ``ece``
    (of the likeliest class) are those of the whole decision.
    """

    def __init__(self, labels: LabelSet) -> None:
        """Keep what the scores of a row are of."""
        self.labels = labels

    def summarize(self, rows: Sequence[ClassificationRow]) -> dict[str, float]:
        """Point values after an epoch; what is undefined is left out."""
        if not rows:
            return {}
        table = ScoreTable.from_rows(rows, self.labels)
        values = self._compute(table, None)(np.ones((1, len(rows))))
        summary = {name: float(values[name][0]) for name in EPOCH_FIGURES if name in values}
        if losses := [row["loss"] for row in rows if "loss" in row]:
            summary["loss"] = float(np.mean(losses))
        return {name: value for name, value in summary.items() if np.isfinite(value)}

    def figures(
        self,
        rows: Sequence[ClassificationRow],
        thresholds: Mapping[str, float] | None,
        samples: int,
        seed: int,
    ) -> dict[str, Figure]:
        """Final figures with 95 % intervals, bootstrapped over patients.

        Args:
            rows: One row a case.
            thresholds: Operating point of each label; None, or empty: none was chosen. Rows that
                hold decisions need none.
            samples: Bootstrap samples.
            seed: Seed of the bootstrap.

        Returns:
            Figures by name; what is undefined has no value but a reason.
        """
        table = ScoreTable.from_rows(rows, self.labels)
        compute = self._compute(table, thresholds)
        found = bootstrap(compute, table.patients, samples, seed)
        return {name: self._explain(name, figure, found, table) for name, figure in found.items()}

    def confusion(
        self, rows: Sequence[ClassificationRow], thresholds: Mapping[str, float] | None = None
    ) -> list[ConfusionMatrix]:
        """Confusion matrix of the classes, or one for each label, at ``thresholds`` or at 0.5."""
        return confusion_matrices(ScoreTable.from_rows(rows, self.labels), self.labels, thresholds)

    def _compute(self, table: ScoreTable, thresholds: Mapping[str, float] | None) -> Compute:
        measures = [
            _LabelMeasures(table.scores[:, index], table.targets[:, index], called)
            for index, called in enumerate(self._decisions(table, thresholds))
        ]

        def compute(weights: Array) -> dict[str, Array]:
            labels = [measure(weights) for measure in measures]
            values = {
                name: _mean(np.stack([label[name] for label in labels])) for name in labels[0]
            }
            if self.labels.exclusive:
                values |= _whole_decision(table, labels, weights)
            if self.labels.ordered:
                values[KAPPA] = quadratic_kappa(table.scores, table.targets, weights)
            if not self.labels.binary:
                for label, own in zip(self.labels.names, labels, strict=True):
                    values |= {f"{name}/{label}": value for name, value in own.items()}
            return values

        return compute

    def _decisions(
        self, table: ScoreTable, thresholds: Mapping[str, float] | None
    ) -> Iterator[dict[str, npt.NDArray[np.bool_]]]:
        """For each label: the cases called positive, by the suffix of the figures' names."""
        for index, label in enumerate(self.labels.names):
            scores = table.scores[:, index]
            if self.labels.exclusive:
                yield {"": table.scores.argmax(axis=1) == index}
            elif table.called is not None:
                yield {"": scores >= 0.5, OPERATING_POINT: table.called[:, index]}
            elif thresholds:
                yield {"": scores >= 0.5, OPERATING_POINT: scores >= thresholds[label]}
            else:
                yield {"": scores >= 0.5}

    def _explain(
        self, name: str, figure: Figure, figures: Mapping[str, Figure], table: ScoreTable
    ) -> Figure:
        """Add the number of cases that the figure rests on, and why it has no value."""
        metric, _, label = name.partition("/")
        targets = table.targets
        if label or self.labels.binary:
            targets = targets[:, [self.labels.names.index(label) if label else 0]]
        known = np.any(~np.isnan(targets), axis=1).tolist()
        patients = set(compress(table.patients, known))
        figure = replace(figure, cases=sum(known), patients=len(patients))
        if label or self.labels.binary:
            reason = None if figure.value is not None else _why_undefined(metric, targets[:, 0])
        else:
            reason = self._why_incomplete(metric, figures)
        return replace(figure, reason="; ".join(filter(None, (reason, figure.reason))) or None)

    def _why_incomplete(self, metric: str, figures: Mapping[str, Figure]) -> str | None:
        every = self.labels.names
        own = {name: figures.get(f"{metric}/{name}") for name in every}
        names = [name for name, figure in own.items() if figure and figure.value is None]
        kind = "classes" if self.labels.exclusive else "labels"
        if not names:
            return None
        listed = ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")
        return f"undefined for {len(names)} of {len(every)} {kind}: {listed}"


class _LabelMeasures:
    """All figures of one label, or of one class against the rest, for given weights."""

    def __init__(
        self, scores: Array, targets: Array, called: Mapping[str, npt.NDArray[np.bool_]]
    ) -> None:
        self.scores, self.targets, self.called = scores, targets, called
        self.ranking = Ranking(scores, targets)

    def __call__(self, weights: Array) -> dict[str, Array]:
        values = {
            "auroc": self.ranking.auroc(weights),
            "average_precision": self.ranking.average_precision(weights),
            "brier": brier(self.scores, self.targets, weights),
            "log_loss": log_loss(self.scores, self.targets, weights),
            "ece": ece(self.scores, self.targets, weights),
        }
        for suffix, called in self.called.items():
            counts = confusion_counts(called, self.targets, weights)
            values |= {name + suffix: metric(counts) for name, metric in THRESHOLDED.items()}
        return values


def _whole_decision(
    table: ScoreTable, labels: Sequence[Mapping[str, Array]], weights: Array
) -> dict[str, Array]:
    """Figures of a choice among classes that are not means over the classes."""
    confidence, right = top_class(table.scores, table.targets)
    of_truth = np.nansum(table.scores * table.targets, axis=1)
    known = np.where(np.isnan(right), np.nan, 1.0)
    return {
        "accuracy": weighted_mean(right, weights),
        "balanced_accuracy": _mean(np.stack([label["sensitivity"] for label in labels])),
        "brier": np.sum([label["brier"] for label in labels], axis=0),
        "log_loss": log_loss(of_truth, known, weights),
        "ece": ece(confidence, right, weights),
    }


def _mean(values: Array) -> Array:
    """Mean over labels, shape ``(L, B)`` to ``(B,)``, of those that are defined."""
    defined = (~np.isnan(values)).sum(axis=0)
    total = np.nansum(values, axis=0)
    return np.asarray(np.where(defined > 0, total / np.maximum(defined, 1), np.nan))


def _why_undefined(metric: str, targets: Array) -> str:
    metric = metric.removesuffix(OPERATING_POINT)
    if np.isnan(targets).all():
        return "label not known in any case"
    if metric in NEED_POSITIVES and not (targets == 1).any():
        return "no positive case"
    if metric in NEED_NEGATIVES and not (targets == 0).any():
        return "no negative case"
    return f"no case is called {'positive' if metric == 'ppv' else 'negative'}"
