"""Masks of tissue that a person drew or painted: GeoJSON of QuPath, or an image."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from datamodules.errors import DataError
from datamodules.transforms.polygons import fill_polygon
from datamodules.transforms.slide_reading import Slide
from datamodules.transforms.xray_pixels import reason
from datamodules.transforms.xray_raster import decode_raster

Mask = NDArray[np.bool_]
MOST_BEYOND = 0.02
"""Share of the slide's size by which an outline may leave it."""
MOST_STRETCHED = 1.02
KINDS = (".geojson", ".png")
WITH_PARTS = {"FeatureCollection": "features", "GeometryCollection": "geometries"}


def read_own_mask(folder: str | None, slide: Slide, um_per_pixel: float) -> Mask | None:
    """Read the mask of a slide, if there is one.

    Args:
        folder: Where masks lie by the stem of the slide's file: ``SLIDE.geojson`` with polygons in
            pixels of level 0 as QuPath exports them, or ``SLIDE.png`` of any size that spans the
            slide, where 0 is no tissue.
        slide: The slide.
        um_per_pixel: Scale of what is returned; an image that is coarser stays as it is.

    Returns:
        ``(h, w)``, from edge to edge of the slide; None: the folder has no mask of this slide.

    Raises:
        DataError: If there is no such folder, or the mask cannot be read or is not of this slide.
    """
    path = find_own_mask(folder, slide)
    if path is None:
        return None
    factor = max(1.0, um_per_pixel / slide.um_per_pixel)
    size = tuple(max(1, round(side / factor)) for side in slide.size)
    read = _outlined if path.suffix == ".geojson" else _painted
    try:
        return read(path, slide, (size[0], size[1]))
    except DataError as error:
        raise DataError(f"mask {path.name}: {error.message}") from error
    except OSError as error:
        raise DataError(f"mask {path.name}: it cannot be read ({reason(error)})") from error


def find_own_mask(folder: str | None, slide: Slide) -> Path | None:
    """Where the mask of a slide lies; None: there is none.

    Raises:
        DataError: If there is no such folder, or there are two masks.
    """
    return None if folder is None else find_mask_file(folder, slide.path.stem)


def find_mask_file(folder: str, stem: str) -> Path | None:
    """Where the mask of a slide of this name lies; see :func:`find_own_mask`."""
    place = Path(folder).expanduser()
    if not place.is_dir():
        raise DataError("--data.masks: there is no such folder")
    found = [path for kind in KINDS if (path := place / f"{stem}{kind}").is_file()]
    if len(found) > 1:
        raise DataError(f"{found[0].name} and {found[1].name} are masks of one slide; keep one")
    return found[0] if found else None


def _painted(path: Path, slide: Slide, size: tuple[int, int]) -> Mask:
    """An image, made smaller where it is larger than needed."""
    try:
        image = decode_raster(path.read_bytes(), "PNG")
        values = np.asarray(image.convert("RGBA") if image.has_transparency_data else image)
    except (DataError, OSError):
        raise
    except Exception as error:  # damaged files make Pillow raise nearly every built-in exception
        raise DataError(f"the PNG file is damaged: {reason(error)}") from error
    painted = values > 0
    if values.ndim == 3:
        painted = painted[..., :3].any(axis=2) & (values.shape[2] == 3 or values[..., -1] > 0)
    height, width = painted.shape
    _check_shape((width, height), slide)
    if width <= size[0]:
        return np.asarray(painted, np.bool_)
    shrunk = cv2.resize(painted.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA)
    return np.asarray(shrunk, np.uint8) >= 128


def _check_shape(size: tuple[int, int], slide: Slide) -> None:
    """Refuse an image that cannot span the slide; sides are rounded to whole pixels."""
    width, height = size
    ideal = width * slide.size[1] / slide.size[0]
    if not (ideal / MOST_STRETCHED - 1 <= height <= ideal * MOST_STRETCHED + 1):
        raise DataError(
            f"it has {width} x {height} pixels, which does not span a slide of "
            f"{slide.size[0]} x {slide.size[1]}; paint it on an image of the whole slide"
        )


def _outlined(path: Path, slide: Slide, size: tuple[int, int]) -> Mask:
    """The union of polygons, without their holes."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"it is no JSON ({reason(error)}); export it again") from error
    mask = np.zeros(size[::-1], np.bool_)
    scale = np.array(size) / np.array(slide.size)
    for rings in _polygons(content):
        piece = np.zeros_like(mask)
        for ring in rings:
            _check_place(ring, slide)
            _toggle(piece, ring * scale - 0.5)
        mask |= piece
    return mask


def _toggle(mask: Mask, ring: NDArray[np.float64]) -> None:
    """Turn round what is inside a ring of x and y, where whole numbers are centres of pixels."""
    low = np.clip(np.floor(ring.min(axis=0)), 0, mask.shape[::-1]).astype(int)
    high = np.clip(np.ceil(ring.max(axis=0)) + 1, 0, mask.shape[::-1]).astype(int)
    if (high > low).all():
        inside = fill_polygon((ring - low)[:, ::-1], (high[1] - low[1], high[0] - low[0]))
        mask[low[1] : high[1], low[0] : high[0]] ^= inside


def _check_place(ring: NDArray[np.float64], slide: Slide) -> None:
    beyond = MOST_BEYOND * np.array(slide.size)
    if (ring.min(axis=0) < -beyond).any() or (ring.max(axis=0) > slide.size + beyond).any():
        (left, top), (right, bottom) = ring.min(axis=0), ring.max(axis=0)
        raise DataError(
            f"a polygon reaches from {left:.0f}, {top:.0f} to {right:.0f}, {bottom:.0f}, and the "
            f"slide has {slide.size[0]} x {slide.size[1]} pixels; coordinates are those of level 0"
        )


def _polygons(content: Any) -> Iterator[list[NDArray[np.float64]]]:  # noqa: ANN401 - any JSON
    """Rings of every polygon, the outer one first."""
    for part in content if isinstance(content, list) else [content]:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "Feature":
            yield from _polygons(part.get("geometry") or [])
        elif kind in WITH_PARTS:
            yield from _polygons(part.get(WITH_PARTS[kind]) or [])
        elif kind in ("Polygon", "MultiPolygon"):
            rings = part.get("coordinates")
            yield from map(_rings, [rings] if kind == "Polygon" else rings or [])
        else:
            raise DataError(
                f"it has a part of type {kind!r}; tissue is Polygon or MultiPolygon, in features "
                "or by itself"
            )


def _rings(polygon: Any) -> list[NDArray[np.float64]]:  # noqa: ANN401 - any JSON
    try:
        rings = [np.array(ring, np.float64)[:, :2] for ring in polygon]
    except (TypeError, ValueError, IndexError):
        raise DataError("a polygon is no list of rings of x and y") from None
    if not rings or any(ring.ndim != 2 or len(ring) < 3 for ring in rings):
        raise DataError("a polygon has a ring of fewer than three corners")
    if not all(np.isfinite(ring).all() for ring in rings):
        raise DataError("a polygon has corners that are no numbers")
    return rings
