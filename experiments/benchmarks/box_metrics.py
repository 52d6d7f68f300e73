"""Average precision of boxes at ten overlaps beside pycocotools."""

import contextlib
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from datamodules.errors import LightboxError
from experiments.benchmarks.comparison import Comparison
from experiments.benchmarks.sizes import Sizes
from experiments.benchmarks.timing import interleaved, seconds
from lightning_modules.metrics.average_precision import COCO_IOUS, average_precision
from lightning_modules.metrics.box_overlap import Array
from lightning_modules.metrics.detection_rows import DetectionRow
from lightning_modules.metrics.detection_table import build_tables

CLASSES = ("first", "second", "third")
SIDE = 600.0
"""Of an image, in pixels."""
OBJECTS = 14
"""Of an image at most."""
MISSED = 0.1
REPEATS = 4
"""Boxes about an object that is not missed, at most."""
FALSE = 20
"""False alarms in an image at most."""
AGREEMENT = 1e-6


def compare(sizes: Sizes, folder: Path) -> Iterator[Comparison]:
    """Seconds for the same figures, each from values of the kind that it takes."""
    del folder
    rows = draw_rows(sizes.scored_images)
    truth, found = coco_truth(rows), coco_boxes(rows)
    ours, other = our_precisions(rows), coco_precisions(truth, found)
    if not np.allclose(ours, other, rtol=0, atol=AGREEMENT):
        raise LightboxError(
            f"the two programs do not compute the same average precisions: {ours}, {other}"
        )
    times = interleaved(
        {
            "ours": lambda: seconds(lambda: our_precisions(rows)),
            "other": lambda: seconds(lambda: coco_precisions(truth, found)),
        },
        sizes.rounds,
    )
    subject = f"AP at ten overlaps, {len(rows)} images, {len(found)} boxes"
    yield Comparison(subject, "s", times["ours"], "times faster", 5, "pycocotools", times["other"])


def our_precisions(rows: Sequence[DetectionRow]) -> Array:
    """AP by overlap and class, ``(10, K)``."""
    weights = np.ones((1, len(rows)))
    tables = build_tables(rows, CLASSES)
    return np.array(
        [
            [average_precision(table.by_overlap(overlap), weights)[0] for table in tables]
            for overlap in COCO_IOUS
        ]
    )


def coco_precisions(truth: dict[str, Any], found: Sequence[Mapping[str, Any]]) -> Array:
    """The same of pycocotools, from what COCO's files hold."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    dataset = COCO()
    dataset.dataset = truth
    with contextlib.redirect_stdout(io.StringIO()):
        dataset.createIndex()
        evaluation = COCOeval(dataset, dataset.loadRes(list(found)), "bbox")
        evaluation.params.areaRng = evaluation.params.areaRng[:1]  # all sizes, and no other
        evaluation.params.areaRngLbl = evaluation.params.areaRngLbl[:1]
        evaluation.params.maxDets = [100]
        evaluation.evaluate()
        evaluation.accumulate()
    return np.asarray(evaluation.eval["precision"][..., 0, 0].mean(axis=1))


def coco_truth(rows: Sequence[DetectionRow]) -> dict[str, Any]:
    """Images, categories and objects as COCO's files have them."""
    objects: list[dict[str, Any]] = [
        {"image_id": image, "category_id": label, "bbox": _coco_box(box), "iscrowd": 0}
        for image, row in enumerate(rows)
        for box, label in zip(row["truth"], row["truth_labels"], strict=True)
    ]
    for number, each in enumerate(objects, start=1):
        each |= {"id": number, "area": each["bbox"][2] * each["bbox"][3]}
    return {
        "images": [{"id": image} for image in range(len(rows))],
        "categories": [{"id": label} for label in range(len(CLASSES))],
        "annotations": objects,
    }


def coco_boxes(rows: Sequence[DetectionRow]) -> list[dict[str, Any]]:
    """Boxes that were found, as COCO's files have them."""
    return [
        {"image_id": image, "category_id": label, "bbox": _coco_box(box), "score": score}
        for image, row in enumerate(rows)
        for box, label, score in zip(row["boxes"], row["labels"], row["scores"], strict=True)
    ]


def _coco_box(box: Sequence[float]) -> list[float]:
    y0, x0, y1, x1 = box
    return [x0, y0, x1 - x0, y1 - y0]


def draw_rows(images: int) -> list[DetectionRow]:
    """Objects, several boxes about most of them, and false alarms."""
    chance = np.random.default_rng(0)
    return [_draw_row(chance, f"{image:06d}") for image in range(images)]


def _draw_row(chance: np.random.Generator, name: str) -> DetectionRow:
    count, false = (int(chance.integers(0, most + 1)) for most in (OBJECTS, FALSE))
    truth, labels = _draw_boxes(chance, count), chance.integers(0, len(CLASSES), count)
    times = chance.integers(1, REPEATS + 1, count) * (chance.random(count) > MISSED)
    about = truth.repeat(times, axis=0)
    sides = np.tile(about[:, 2:] - about[:, :2], 2)
    about = about + chance.normal(0, 0.05, about.shape) * sides
    boxes = np.concatenate([about, _draw_boxes(chance, false)])
    kinds = np.concatenate([labels.repeat(times), chance.integers(0, len(CLASSES), false)])
    scores = chance.random(len(boxes))
    order = np.argsort(-scores)
    return DetectionRow(
        case_id=name,
        patient_id=name,
        boxes=boxes[order].tolist(),
        scores=scores[order].tolist(),
        labels=kinds[order].tolist(),
        truth=truth.tolist(),
        truth_labels=labels.tolist(),
        ignored=[False] * count,
        spacing=[1.0, 1.0],
    )


def _draw_boxes(chance: np.random.Generator, count: int) -> Array:
    """Anywhere, with sides from 10 to 200 pixels, small ones as often as large ones."""
    sides = np.exp(chance.uniform(np.log(10), np.log(200), (count, 2)))
    low = chance.uniform(0, SIDE - sides)
    return np.concatenate([low, low + sides], axis=1)
