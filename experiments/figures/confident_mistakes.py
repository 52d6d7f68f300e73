"""The cases that a classifier got wrong by the widest margin, with what drove it there."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from pytorch_lightning.utilities import move_data_to_device

from datamodules.batches import ClassifierBatch
from datamodules.data_info import LabelSet
from datamodules.errors import LightboxError
from datamodules.labelled import LabelledData
from experiments.figures.mistakes import Picture, contact_sheet
from experiments.figures.style import shorten
from lightning_modules.base import Row
from lightning_modules.classifier import Classifier
from lightning_modules.explanations import explain

log = logging.getLogger("lightbox")

WHITE = 255
MOST = 12
"""Cases on the sheet."""
LONGEST = 34
"""Letters that fit beneath a picture."""


class Mistake(NamedTuple):
    """A wrong decision.

    Attributes:
        case_id: On which case.
        output: Index of the label (of classes: the one wrongly taken), whose evidence is shown.
        margin: How far the score was from the right decision.
        caption: What was decided, and how sure the model was.
        missed: Whether a positive was called negative.
    """

    case_id: str
    output: int
    margin: float
    caption: tuple[str, str]
    missed: bool


def mistakes_sheet(
    module: Classifier,
    data: LabelledData,
    thresholds: Mapping[str, float],
    name_of: Callable[[str], str] = str,
) -> Figure:
    """Contact sheet of the most confident mistakes with their Grad-CAM.

    Args:
        module: Evaluated; mistakes are those of the test cases, or else of the validation cases.
        data: Has the images.
        thresholds: Operating point by label; empty when classes exclude one another.
        name_of: Name of a case on the sheet, from its id.
    """
    rows = module.rows.get("test") or module.rows["val"]
    chosen = most_confident(find_mistakes(rows, module.data.labels, thresholds))
    index_of = {case.case_id: index for index, case in enumerate(data.table.cases)}
    indices = [index_of[mistake.case_id] for mistake in chosen]
    heatmaps = evidence_maps(module, data, [mistake.output for mistake in chosen], indices)
    shown = map(data.picture_of, indices, heatmaps)
    captions = [(*each.caption, shorten(name_of(each.case_id), LONGEST)) for each in chosen]
    return contact_sheet(
        [
            Picture(image.astype(np.float32) / WHITE, caption, heatmap)
            for (image, heatmap), caption in zip(shown, captions, strict=True)
        ]
    )


def find_mistakes(
    rows: Sequence[Row], labels: LabelSet, thresholds: Mapping[str, float]
) -> list[Mistake]:
    """Every wrong decision on a known label.

    Args:
        rows: One row a case.
        labels: What the scores are of.
        thresholds: Where each label is called present; 0.5 where none is given.
    """
    if labels.exclusive:
        return [mistake for row in rows for mistake in _wrong_class(row, labels)]
    return [
        mistake
        for row in rows
        for index in range(len(labels.names))
        for mistake in _wrong_label(row, index, labels, thresholds)
    ]


def _wrong_class(row: Row, labels: LabelSet) -> list[Mistake]:
    scores, targets = row["scores"], row["targets"]
    taken = int(np.argmax(scores))
    if 1 not in targets or targets[taken] == 1:
        return []
    truth = targets.index(1)
    text = f"{labels.names[taken]}; truth: {labels.names[truth]}"
    sure = f"probability {scores[taken]:.2f} against {scores[truth]:.2f}"
    margin = scores[taken] - scores[truth]
    return [Mistake(row["case_id"], taken, margin, (shorten(text, LONGEST), sure), missed=False)]


def _wrong_label(
    row: Row, index: int, labels: LabelSet, thresholds: Mapping[str, float]
) -> list[Mistake]:
    score, target, label = row["scores"][index], row["targets"][index], labels.names[index]
    threshold = thresholds.get(label, 0.5)
    if target is None or (score >= threshold) == bool(target):
        return []
    text = f"{'missed' if target else 'false alarm'}: {label}"
    sure = f"probability {score:.3f}, threshold {threshold:.3f}"
    caption = (shorten(text, LONGEST), sure)
    return [Mistake(row["case_id"], index, abs(score - threshold), caption, missed=bool(target))]


def most_confident(mistakes: Sequence[Mistake], most: int = MOST) -> list[Mistake]:
    """At most so many: misses and false alarms in equal number where there are enough of both.

    A threshold near 0 or 1 leaves one of the two hardly any margin; by margin alone they would
    never be seen.
    """
    ordered = sorted(mistakes, key=lambda each: (-each.margin, each.case_id, each.output))
    missed = [each for each in ordered if each.missed]
    alarms = [each for each in ordered if not each.missed]
    shown = max(most // 2, most - len(missed))
    alarms = alarms[:shown]
    return alarms + missed[: most - len(alarms)]


def evidence_maps(
    module: Classifier,
    data: LabelledData,
    outputs: Sequence[int],
    indices: Sequence[int],
) -> list[npt.NDArray[np.float32] | None]:
    """What spoke for one output of each case, over its prepared image.

    Args:
        module: Trained.
        data: Has the images.
        outputs: Which output, one a case.
        indices: Which case, positions in the data's table.

    Returns:
        Maps in 0..1 as ``data.evidence_of`` makes them; None throughout where a network has none.
    """
    heatmaps: list[npt.NDArray[np.float32] | None] = [None] * len(indices)
    of_output: dict[int, list[int]] = defaultdict(list)
    for place, output in enumerate(outputs):
        of_output[output].append(place)
    try:
        for output, places in _batches(of_output, data.evaluation_batch_size):
            batch = data.show([indices[place] for place in places])
            maps = explain(module.network, move_data_to_device(batch, module.device), output)
            for number, place in enumerate(places):
                own = maps[_images_of(batch, number)].cpu().numpy()
                heatmaps[place] = data.evidence_of(indices[place], own)
    except (AttributeError, LightboxError, LookupError, RuntimeError, ValueError) as error:
        log.warning("no map of where %s looks: %s", type(module.network.encoder).__name__, error)
        return [None] * len(indices)
    return heatmaps


def _images_of(batch: ClassifierBatch, case: int) -> npt.NDArray[np.int64]:
    """Where the images of a case of a batch stand among all images."""
    if "case_of" not in batch:
        return np.array([case])
    return np.flatnonzero(batch["case_of"].numpy() == case)


def _batches(
    of_output: Mapping[int, Sequence[int]], size: int
) -> Iterator[tuple[int, Sequence[int]]]:
    """Places with a common output, no more at a time than in a batch of evaluation."""
    for output, places in of_output.items():
        for start in range(0, len(places), size):
            yield output, places[start : start + size]
