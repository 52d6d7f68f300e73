"""The table of cases in W&B: those worth looking at, with image, evidence, truth and decision."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from datamodules.base import TaskDataModule
from datamodules.data_info import LabelSet
from datamodules.labelled import LabelledData
from experiments.figures.confident_mistakes import evidence_maps, find_mistakes, most_confident
from experiments.overlays import blend
from experiments.wandb_tracking import hashed_id
from lightning_modules.base import Row, TaskModule
from lightning_modules.classifier import Classifier
from lightning_modules.metrics.decisions import decide, thresholds

MISTAKES, UNCERTAIN, RIGHT = 40, 30, 30
"""Cases of each kind and split, at most."""
LONGEST_SIDE = 256
"""Pixels of a picture in the table."""
WHICH = ("case", "split", "kind")
PICTURES = ("image", "evidence")
FACTS = ("label", "truth", "decision", "right", "confidence")

Kind = Literal["mistake", "uncertain", "right"]


class ChosenCase(NamedTuple):
    """A case of the table.

    Attributes:
        row: Its scores and targets.
        kind: Why it was chosen: a confident mistake, one of the least certain, or by chance.
        output: Index of the label that this is about, whose evidence is shown.
        confidence: How far the score was from the other decision on that label.
        right: Whether every known label was decided rightly.
    """

    row: Row
    kind: Kind
    output: int
    confidence: float
    right: bool


def cases_table(
    module: TaskModule,
    data: TaskDataModule,
    metrics: Mapping[str, Any],
    seed: int,
    *,
    images: bool,
) -> dict[str, Any]:
    """``tables/cases`` for W&B, with hashed ids; nothing for a task that has no such table.

    Args:
        module: Evaluated: its rows are those of the final passes.
        data: What it was trained on.
        metrics: The final figures, with the operating point.
        seed: Of the cases drawn by chance.
        images: Whether W&B may see images of this dataset.
    """
    if not isinstance(module, Classifier) or not isinstance(data, LabelledData):
        return {}
    import wandb

    labels, chosen = module.data.labels, thresholds(metrics["operating_point"])
    scores = [f"probability/{name}" for name in labels.names]
    columns: list[str | int] = [*WHICH, *(PICTURES if images else ()), *FACTS, *scores]
    lines: list[Iterable[Any]] = []
    for split in ("val", "test"):
        cases = choose_cases(module.rows.get(split, []), labels, chosen, seed)
        pictures = _pictures(module, data, cases) if images else [()] * len(cases)
        for case, shown in zip(cases, pictures, strict=True):
            which = (hashed_id(case.row["case_id"]), split, case.kind)
            lines.append([*which, *shown, *_facts(case, labels, chosen)])
    return {"tables/cases": wandb.Table(columns=columns, data=lines)}


def choose_cases(
    rows: Sequence[Row], labels: LabelSet, thresholds: Mapping[str, float], seed: int
) -> list[ChosenCase]:
    """The most confident mistakes, then the least certain of the others, then some that are right.

    Args:
        rows: One a case; those without any known label are passed over.
        labels: What the scores are of.
        thresholds: Where each label is called present; 0.5 where none is given.
        seed: Of the last kind, which are drawn by chance.
    """
    known = [row for row in rows if any(target is not None for target in row["targets"])]
    by_margin = sorted(find_mistakes(known, labels, thresholds), key=lambda each: each.margin)
    widest = {mistake.case_id: mistake for mistake in by_margin}
    confident = most_confident([*widest.values()], MISTAKES)
    of_id = {row["case_id"]: row for row in known}
    chosen = [
        ChosenCase(of_id.pop(each.case_id), "mistake", each.output, each.margin, right=False)
        for each in confident
    ]
    others = [
        ChosenCase(row, "uncertain", *_closest(row, labels, thresholds), case_id not in widest)
        for case_id, row in of_id.items()
    ]
    others.sort(key=lambda case: case.confidence)
    chosen += others[:UNCERTAIN]
    right = [case for case in others[UNCERTAIN:] if case.right]
    drawn = np.random.default_rng(seed).permutation(len(right))[:RIGHT]
    return chosen + [right[at]._replace(kind="right") for at in sorted(drawn)]


def _closest(row: Row, labels: LabelSet, thresholds: Mapping[str, float]) -> tuple[int, float]:
    """The decision that was nearest to falling the other way: of which label, and how near."""
    scores = row["scores"]
    if labels.exclusive:
        second, first = np.argsort(scores, kind="stable")[-2:].tolist()
        return first, scores[first] - scores[second]
    margins = {
        index: abs(scores[index] - thresholds.get(name, 0.5))
        for index, name in enumerate(labels.names)
        if row["targets"][index] is not None
    }
    index = min(margins, key=margins.__getitem__)
    return index, margins[index]


def _facts(
    case: ChosenCase, labels: LabelSet, thresholds: Mapping[str, float]
) -> list[str | bool | float]:
    row = case.row
    return [
        labels.names[case.output],
        _truth(row["targets"], labels),
        decide(row["scores"], labels, thresholds),
        case.right,
        round(float(case.confidence), 4),
        *(round(float(score), 4) for score in row["scores"]),
    ]


def _truth(targets: Sequence[float | None], labels: LabelSet) -> str:
    """The labels that hold, in the words of a decision; labels not known are counted."""
    words = decide([target or 0.0 for target in targets], labels, {})
    unknown = sum(target is None for target in targets)
    return f"{words} ({unknown} not known)" if unknown else words


def _pictures(
    module: Classifier, data: LabelledData, cases: Sequence[ChosenCase]
) -> Sequence[tuple[Any, ...]]:
    """Each case's image, and the image with the evidence for its label in colour."""
    index_of = {case.case_id: index for index, case in enumerate(data.table.cases)}
    indices = [index_of[case.row["case_id"]] for case in cases]
    maps = evidence_maps(module, data, [case.output for case in cases], indices)
    shown = map(data.picture_of, indices, maps)
    return [
        (_picture(image), None if evidence is None else _picture(blend(image, evidence)))
        for image, evidence in shown
    ]


def _picture(pixels: npt.NDArray[np.uint8]) -> Any:  # noqa: ANN401 - wandb.Image
    """A small JPEG; W&B's own PNG of 200 large images would keep the end of a run waiting."""
    import wandb

    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    return wandb.Image(image, file_type="jpg")
