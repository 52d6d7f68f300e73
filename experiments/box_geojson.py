"""Boxes in slides as GeoJSON that QuPath imports: a detection each."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgb

from datamodules.whole_files import whole_text
from experiments.figures.style import COLORS
from lightning_modules.found_boxes import FoundBoxes


def write_box_geojson(path: Path, boxes: FoundBoxes, classes: Sequence[str]) -> None:
    """Write boxes for QuPath, whole or not at all.

    Each is a QuPath detection of its class, which has a colour, with its score as a measurement.

    Args:
        path: The file to write; QuPath takes ``.geojson``.
        boxes: Along the axes down and across, in pixels of level 0.
        classes: In the order of the labels.

    References:
        https://qupath.readthedocs.io/en/stable/docs/advanced/exporting_annotations.html
        Butler et al., RFC 7946, "The GeoJSON Format".
    """
    with whole_text(path) as file:
        file.write('{"type":"FeatureCollection","features":[')
        separator = "\n"
        for feature in _features(boxes, classes):
            file.write(separator + feature)
            separator = ",\n"
        file.write("\n]}\n")


def class_colour(label: int) -> tuple[int, int, int]:
    """RGB of a class, 0 to 255, as in all figures."""
    red, green, blue = (round(255 * part) for part in to_rgb(COLORS[label % len(COLORS)]))
    return red, green, blue


def _features(boxes: FoundBoxes, classes: Sequence[str]) -> Iterator[str]:
    """Text is put together by hand, as there may be a hundred thousand."""
    of_class = [
        json.dumps({"name": name, "color": class_colour(label)}, separators=(",", ":"))
        for label, name in enumerate(classes)
    ]
    rounded = np.round(boxes.boxes, 2).tolist()
    for (top, left, bottom, right), score, label in zip(
        rounded, boxes.scores.tolist(), boxes.labels.tolist(), strict=True
    ):
        points = (
            f"[{left:.9g},{top:.9g}],[{right:.9g},{top:.9g}],[{right:.9g},{bottom:.9g}],"
            f"[{left:.9g},{bottom:.9g}],[{left:.9g},{top:.9g}]"
        )
        yield (
            f'{{"type":"Feature","geometry":{{"type":"Polygon","coordinates":[[{points}]]}},'
            f'"properties":{{"objectType":"detection","classification":{of_class[label]},'
            f'"measurements":{{"score":{score:.6g}}}}}}}'
        )
