"""Values of tiles as GeoJSON that QuPath imports: tiles, and outlines of the strongest."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

from datamodules.whole_files import whole_text
from experiments.slide_heatmaps import MAP

STRONGEST = 0.05
"""Share of tiles that is outlined."""
CLASSES = 5
"""Of values, each with its colour."""
UNITS_A_TILE = 8
LARGEST_GRID = 4096
"""Outlines follow a grid of so many lines a tile, or so many altogether where that is fewer."""

Corners = NDArray[np.integer[Any]]
Values = NDArray[np.floating[Any]]
Ring = NDArray[Any]
"""Points in pixels of level 0, shape ``(n, 2)``, x before y; the first is not repeated."""
Outline = Sequence[Ring]
"""What it encloses, then its holes."""


def write_geojson(
    path: Path,
    corners: Corners,
    side: float,
    values: Values,
    name: str,
) -> None:
    """Write tiles with their values for QuPath, whole or not at all.

    Each tile is a QuPath tile with one measurement, and with a class of values that has its colour.
    The strongest twentieth of them are outlined together, as annotations.

    Args:
        path: The file to write; QuPath takes ``.geojson``.
        corners: Upper left corners, x and y in pixels of level 0, shape ``(N, 2)``.
        side: Of a tile, in pixels of level 0.
        values: In 0..1, finite, shape ``(N,)``.
        name: Of the measurement.

    Raises:
        ValueError: If a value is not finite, or if there are not as many as corners.

    References:
        https://qupath.readthedocs.io/en/stable/docs/advanced/exporting_annotations.html
        Butler et al., RFC 7946, "The GeoJSON Format".
    """
    if values.shape != (len(corners),) or not np.isfinite(values).all():
        raise ValueError("each tile needs one finite value")
    with whole_text(path) as file:
        file.write('{"type":"FeatureCollection","features":[')
        separator = "\n"
        for feature in _features(corners, side, values, name):
            file.write(separator + feature)
            separator = ",\n"
        file.write("\n]}\n")


def _features(corners: Corners, side: float, values: Values, name: str) -> Iterator[str]:
    top = _colours(np.ones(1))[0]
    for outline in outline_tiles(corners[strongest(values)], side):
        yield _annotation(outline, f"{name}: strongest", top)
    yield from _tiles(corners, side, values, name)


def strongest(values: Values, share: float = STRONGEST) -> NDArray[np.bool_]:
    """Which tiles belong to that share of the strongest; none where all are alike."""
    if not len(values):
        return np.zeros(0, np.bool_)
    chosen: NDArray[np.bool_] = (values >= np.quantile(values, 1 - share)) & (values > values.min())
    return chosen


def outline_tiles(corners: Corners, side: float) -> list[list[Ring]]:
    """Merge tiles that touch or overlap.

    Args:
        corners: Upper left corners, shape ``(N, 2)``.
        side: Of a tile.

    Returns:
        Each group's outer ring, then its holes; exact where tiles lie side by side, and to an
        eighth of a tile where they overlap.
    """
    if not len(corners):
        return []
    first = corners.min(axis=0)
    extent = float((corners.max(axis=0) - first).max()) + side
    unit = max(side / UNITS_A_TILE, extent / LARGEST_GRID)
    low = np.rint((corners - first) / unit).astype(int)
    high = np.rint((corners - first + side) / unit).astype(int)
    columns, rows = high.max(axis=0) + 1
    grid = np.zeros((rows, columns), np.uint8)
    for (left, top), (right, bottom) in zip(low.tolist(), high.tolist(), strict=True):
        grid[top : bottom + 1, left : right + 1] = 1  # both edges: outlines run along set pixels
    _part_corners(grid)
    found, tree = cv2.findContours(grid, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    rings = [_squared(contour[:, 0], grid) * unit + first for contour in found]
    parents = tree[0, :, 3].tolist()
    groups = {at: [rings[at]] for at, parent in enumerate(parents) if parent < 0}
    for at, parent in enumerate(parents):
        if parent >= 0:
            groups[parent].append(rings[at])
    return list(groups.values())


def _part_corners(grid: NDArray[np.uint8]) -> None:
    """Take away pixels at which two tiles touch by their corners: a ring must not cross itself."""
    around = np.pad(grid, 1).astype(bool)
    falling = around[:-2, :-2] & around[2:, 2:] & ~around[:-2, 2:] & ~around[2:, :-2]
    rising = around[:-2, 2:] & around[2:, :-2] & ~around[:-2, :-2] & ~around[2:, 2:]
    grid[falling | rising] = 0


def _squared(ring: Ring, grid: NDArray[np.uint8]) -> Ring:
    """Put back the corners that OpenCV cuts off: it steps across them."""
    following = np.roll(ring, -1, axis=0)
    points = []
    for (x, y), (next_x, next_y) in zip(ring.tolist(), following.tolist(), strict=True):
        points.append((x, y))
        if abs(next_x - x) == abs(next_y - y) == 1:
            corners = ((x, next_y), (next_x, y))
            points += [(column, row) for column, row in corners if grid[row, column]][:1]
    squared = np.array(points)
    before, after = squared - np.roll(squared, 1, axis=0), np.roll(squared, -1, axis=0) - squared
    turns = before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]
    corners_only: Ring = squared[turns]
    return corners_only


def _annotation(outline: Outline, name: str, color: Sequence[int]) -> str:
    rings = [[*ring, ring[0]] for ring in (each.round(2).tolist() for each in outline)]
    feature = {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": rings},
        "properties": {
            "objectType": "annotation",
            "classification": {"name": name, "color": list(color)},
        },
    }
    return json.dumps(feature, separators=(",", ":"))


def _tiles(corners: Corners, side: float, values: Values, name: str) -> Iterator[str]:
    """A feature a tile; text is put together by hand, as there may be a hundred thousand."""
    edges = np.linspace(0, 1, CLASSES + 1)
    colours = _colours((edges[:-1] + edges[1:]) / 2)
    classes = [
        json.dumps({"name": f"{name} {low:.1f}-{high:.1f}", "color": color}, separators=(",", ":"))
        for low, high, color in zip(edges[:-1], edges[1:], colours, strict=True)
    ]
    chosen = np.clip((values * CLASSES).astype(int), 0, CLASSES - 1).tolist()
    key = json.dumps(name)
    ends = np.round(corners + side, 2).tolist()
    for (x, y), (right, bottom), value, which in zip(
        corners.tolist(), ends, values.tolist(), chosen, strict=True
    ):
        points = f"[{x:.9g},{y:.9g}],[{right:.9g},{y:.9g}],[{right:.9g},{bottom:.9g}]"
        yield (
            f'{{"type":"Feature","geometry":{{"type":"Polygon","coordinates":[[{points},'
            f'[{x:.9g},{bottom:.9g}],[{x:.9g},{y:.9g}]]]}},"properties":{{"objectType":"tile",'
            f'"classification":{classes[which]},"measurements":{{{key}:{value:.5g}}}}}}}'
        )


def _colours(values: NDArray[np.floating[Any]]) -> list[list[int]]:
    """RGB of values, 0 to 255."""
    colours: list[list[int]] = np.rint(colormaps[MAP](values)[:, :3] * 255).astype(int).tolist()
    return colours
