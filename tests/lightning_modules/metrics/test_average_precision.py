import contextlib
import io

import numpy as np
import pytest
from fakes.scored_boxes import scored_case, scored_cases
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from lightning_modules.metrics.average_precision import COCO_IOUS, average_precision
from lightning_modules.metrics.detection_table import build_tables

AREAS = {"all": None, "small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, np.inf)}
CLASSES = ("cell", "platelet")


def coco_box(box):
    y0, x0, y1, x1 = box
    return [x0, y0, x1 - x0, y1 - y0]


def coco_precisions(rows):
    """AP of pycocotools by threshold, class and area, NaN where undefined: (10, 2, 4)."""
    truth = [
        {"id": number, "image_id": image, "category_id": label, "bbox": coco_box(box)}
        | {"area": coco_box(box)[2] * coco_box(box)[3], "iscrowd": int(crowd)}
        for number, (image, box, label, crowd) in enumerate(
            (
                (image, *each)
                for image, row in enumerate(rows)
                for each in zip(row["truth"], row["truth_labels"], row["ignored"], strict=True)
            ),
            start=1,
        )
    ]
    found = [
        {"image_id": image, "category_id": label, "bbox": coco_box(box), "score": score}
        for image, row in enumerate(rows)
        for box, label, score in zip(row["boxes"], row["labels"], row["scores"], strict=True)
    ]
    dataset = COCO()
    dataset.dataset = {
        "images": [{"id": image} for image in range(len(rows))],
        "annotations": truth,
        "categories": [{"id": 0}, {"id": 1}],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        dataset.createIndex()
        results = dataset.loadRes(found) if found else COCO()
        if not found:
            results.dataset = {**dataset.dataset, "annotations": []}
            results.createIndex()
        evaluation = COCOeval(dataset, results, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][..., -1].mean(axis=1)
    return np.where(precision < 0, np.nan, precision)


def our_precisions(rows):
    weights = np.ones((1, len(rows)))
    areas = [
        [
            [average_precision(table.by_overlap(each, size), weights)[0] for size in AREAS.values()]
            for table in build_tables(rows, CLASSES)
        ]
        for each in COCO_IOUS
    ]
    return np.array(areas)


@pytest.mark.parametrize("seed", range(200))
def test_average_precision_is_that_of_pycocotools(seed):
    rows = scored_cases(seed, 1 + seed % 7, objects=seed % 8, false=seed % 11)
    np.testing.assert_allclose(our_precisions(rows), coco_precisions(rows), atol=1e-9)


def test_more_than_a_hundred_boxes_in_an_image_are_cut_off_as_in_pycocotools():
    rows = [scored_case(np.random.default_rng(4), classes=1, objects=40, false=300)]
    assert len(rows[0]["boxes"]) > 200
    np.testing.assert_allclose(our_precisions(rows), coco_precisions(rows), atol=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_weights_are_repeated_cases(seed):
    rows = scored_cases(seed, 6, tied=False)
    times = np.random.default_rng(seed).integers(0, 4, 6)
    repeated = [row for row, count in zip(rows, times, strict=True) for _ in range(count)]
    boxes = build_tables(rows, CLASSES)[0].by_overlap(0.5)
    value = average_precision(boxes, times[None].astype(float))
    np.testing.assert_allclose(value, coco_precisions(repeated)[0, 0, 0], atol=1e-9)


def test_nothing_found_is_zero_and_nothing_there_is_undefined():
    rows = scored_cases(3, 2, objects=0)
    missed = {**rows[0], "truth": [[0, 0, 9, 9]], "truth_labels": [1], "ignored": [False]}
    cell, platelet = build_tables(
        [missed, {**rows[1], "boxes": [], "scores": [], "labels": []}], CLASSES
    )
    assert np.isnan(average_precision(cell.by_overlap(0.5), np.ones((1, 2)))[0])
    assert average_precision(platelet.by_overlap(0.9), np.ones((1, 2)))[0] == 0
