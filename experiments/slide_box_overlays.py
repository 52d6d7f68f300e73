"""Boxes over a small picture of their slide."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw

from experiments.box_geojson import class_colour
from experiments.overlays import note_font, write_picture
from experiments.slide_box_predictor import PredictedSlide

SMALLEST = 4
"""Pixels; smaller boxes are drawn so large, or nobody would see them."""
LINES = 60
"""That would fill the height of a picture."""
SMALLEST_LETTER = 11
INK = (34, 34, 34)


def draw_slide_boxes(path: Path, name: str, found: PredictedSlide, classes: Sequence[str]) -> None:
    """Draw boxes in the colours of their classes, and write it as PNG, whole or not at all.

    Args:
        path: The PNG to write.
        name: Of the slide.
        found: Its thumbnail and its boxes.
        classes: In the order of the labels.
    """
    picture = found.thumbnail.copy()
    scale = np.tile(np.array(picture.shape[:2]) / found.shape, 2)
    boxes = found.boxes.boxes * scale
    low, high = boxes[:, :2], boxes[:, 2:]
    grown = np.maximum(SMALLEST - (high - low), 0) / 2
    corners = np.rint(np.concatenate([low - grown, high + grown], axis=1)).astype(int).tolist()
    for (top, left, bottom, right), label in zip(corners, found.boxes.labels.tolist(), strict=True):
        cv2.rectangle(picture, (left, top), (right, bottom), class_colour(label), 1)
    counts = np.bincount(found.boxes.labels, minlength=len(classes)).tolist()
    legend = [f"{each}: {count}" for each, count in zip(classes, counts, strict=True)]
    write_picture(path, np.concatenate([picture, _legend(picture.shape, name, legend)]))


def _legend(shape: tuple[int, ...], name: str, entries: Sequence[str]) -> np.ndarray:
    """A white strip below the picture: the name of the slide, and a colour an entry."""
    letter = max(SMALLEST_LETTER, shape[0] // LINES)
    line, font = round(1.6 * letter), note_font(letter)
    strip = Image.new("RGB", (shape[1], (len(entries) + 1) * line + letter), "white")
    canvas = ImageDraw.Draw(strip)
    canvas.text((letter, letter // 2), name, INK, font)
    for label, entry in enumerate(entries):
        top = letter // 2 + (label + 1) * line
        canvas.rectangle((letter, top, 2 * letter, top + letter), fill=class_colour(label))
        canvas.text((3 * letter, top), entry, INK, font)
    return np.asarray(strip)
