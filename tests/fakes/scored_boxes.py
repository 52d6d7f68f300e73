"""Rows of a detector, drawn: objects, and boxes that find some of them."""

import numpy as np


def scored_case(
    draw, case_id="a", classes=2, axes=2, side=200.0, objects=6, false=8, crowd=0.15, tied=True
):
    """One row; about one object in seven is a region in which nothing counts."""
    count = int(draw.integers(0, objects + 1))
    truth = boxes_at(draw, count, axes, side)
    labels = draw.integers(0, classes, count)
    moved = truth + draw.normal(0, 0.06, truth.shape) * np.tile(extent(truth), 2)
    repeats = np.repeat(np.arange(count), draw.integers(0, 3, count))
    boxes = np.concatenate(
        [sound(moved[repeats]), boxes_at(draw, int(draw.integers(0, false + 1)), axes, side)]
    )
    named = np.concatenate([labels[repeats], draw.integers(0, classes, len(boxes) - len(repeats))])
    scores = draw.uniform(0.01, 1, len(boxes))
    scores = np.round(scores, 1 if tied else 6) + 0.01
    order = np.argsort(-scores, kind="stable")
    return {
        "case_id": case_id,
        "patient_id": case_id,
        "boxes": boxes[order].tolist(),
        "scores": scores[order].tolist(),
        "labels": named[order].tolist(),
        "truth": truth.tolist(),
        "truth_labels": labels.tolist(),
        "ignored": (draw.random(count) < crowd).tolist(),
        "spacing": [1.0] * axes,
    }


def scored_cases(seed, count, **settings):
    """Rows of several cases."""
    draw = np.random.default_rng(seed)
    return [scored_case(draw, f"case{index:03d}", **settings) for index in range(count)]


def boxes_at(draw, count, axes, side):
    """Boxes from 4 voxels to two thirds of the side."""
    low = draw.uniform(0, side * 0.7, (count, axes))
    return np.concatenate(
        [low, low + np.exp(draw.uniform(np.log(4), np.log(side * 0.65), (count, axes)))], axis=1
    )


def extent(boxes):
    """Sides of boxes."""
    low, high = np.split(boxes, 2, axis=1)
    return high - low


def sound(boxes):
    """Boxes with their corners in order."""
    low, high = np.split(boxes, 2, axis=1)
    return np.concatenate([np.minimum(low, high), np.maximum(low, high) + 0.1], axis=1)
