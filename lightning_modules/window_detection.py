"""Detectors on whole cases: all at once, or in windows that overlap; mirror images; ensembles."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from lightning_modules.networks.detection import Candidates, DetectionNetwork
from lightning_modules.sliding_window import mirrorings, window_starts
from lightning_modules.window_borders import WindowBorders


class Windows(NamedTuple):
    """How a case is looked at.

    Attributes:
        size: Voxels of a window along each axis; None: the whole case at once.
        overlap: Share of a window that the next one sees again.
        batch_size: Windows a forward pass.
    """

    size: tuple[int, ...] | None
    overlap: float = 0.25
    batch_size: int = 1


def detect_views(
    networks: Sequence[DetectionNetwork],
    image: Tensor,
    windows: Windows,
    mirror_axes: Sequence[int] = (),
) -> list[Candidates]:
    """What each network says of a case, and of each of its mirror images.

    Args:
        networks: In evaluation mode, on one device.
        image: ``(C, *spatial)``, any float type, anywhere.
        windows: How it is looked at.
        mirror_axes: Axes of the image; all combinations are looked at.

    Returns:
        One for each network and view, in voxels of the case, on the CPU.
    """
    device = networks[0].anchors.device
    image = image.to(device).float()
    found = []
    for network in networks:
        for axes in mirrorings(mirror_axes):
            dimensions = [axis - 1 for axis in axes]
            seen = _detect(network, image.flip(dimensions) if axes else image, windows)
            found.append(_mirrored(seen, [axis - 2 for axis in axes], image.shape[1:]))
    return found


def detect_tiles(
    networks: Sequence[DetectionNetwork], tiles: Sequence[Tensor], mirror_axes: Sequence[int] = ()
) -> list[list[Candidates]]:
    """As :func:`detect_views`, of several images at once, each of which is seen as a whole.

    Args:
        networks: As above.
        tiles: ``(C, *spatial)`` each, of about one size; they are filled up with zeros.
        mirror_axes: As above.

    Returns:
        Of each image what each network and view found, in its voxels, on the CPU.
    """
    device, divisor = networks[0].anchors.device, networks[0].divisor
    sides = zip(*(tile.shape[1:] for tile in tiles), strict=True)
    size = tuple(-(-max(each) // divisor) * divisor for each in sides)
    views: list[list[Candidates]] = [[] for _ in tiles]
    for network in networks:
        for axes in mirrorings(mirror_axes):
            dimensions = [axis - 1 for axis in axes]
            seen = [_read(tile.flip(dimensions), (0,) * len(size), size) for tile in tiles]
            found = network.candidates(torch.stack(seen).to(device).float())
            for tile, own, candidates in zip(tiles, views, found, strict=True):
                spatial = tuple(tile.shape[1:])
                inside = _of_case(candidates, (0,) * len(size), spatial)
                inside = Candidates(*(values.cpu() for values in inside))
                own.append(_mirrored(inside, [axis - 2 for axis in axes], spatial))
    return views


def _detect(network: DetectionNetwork, image: Tensor, windows: Windows) -> Candidates:
    spatial = tuple(image.shape[1:])
    size = tuple(
        -(-side // network.divisor) * network.divisor
        for side in (spatial if windows.size is None else windows.size)
    )
    places = _places(spatial, size, windows.overlap)
    middles = np.asarray(places) + np.asarray(size) / 2
    borders = WindowBorders(middles, windows.overlap * min(size))
    parts = [
        _of_window(candidates, borders, number)
        for number, candidates in enumerate(_seen(network, image, places, size, windows))
    ]
    joined = Candidates(*(torch.cat(values) for values in zip(*parts, strict=True)))
    order = joined.scores.argsort(descending=True, stable=True)
    return Candidates(*(values[order] for values in joined))


def _seen(
    network: DetectionNetwork,
    image: Tensor,
    places: list[tuple[int, ...]],
    size: tuple[int, ...],
    windows: Windows,
) -> Iterator[Candidates]:
    """What is found in each window, in voxels of the case, on the CPU."""
    for batch in _batches(places, windows.batch_size):
        seen = torch.stack([_read(image, place, size) for place in batch])
        for place, candidates in zip(batch, network.candidates(seen), strict=True):
            found = _of_case(candidates, place, tuple(image.shape[1:]))
            yield Candidates(*(values.cpu() for values in found))


def _of_window(found: Candidates, borders: WindowBorders, number: int) -> Candidates:
    """Those that are left to a window."""
    kept = torch.from_numpy(borders.keeps(found.boxes.numpy(), number))
    return Candidates(*(values[kept] for values in found))


def _of_case(found: Candidates, place: tuple[int, ...], spatial: tuple[int, ...]) -> Candidates:
    """Those of a window whose middles lie in the case, as boxes of the case, within its bounds."""
    axes = len(spatial)
    boxes = found.boxes + found.boxes.new_tensor(place).repeat(2)
    middle = (boxes[:, :axes] + boxes[:, axes:]) / 2
    sides = boxes.new_tensor(spatial)
    kept = ((middle >= 0) & (middle < sides)).all(1)
    boxes = boxes.clamp(min=0).minimum(sides.repeat(2))
    kept &= (boxes[:, axes:] > boxes[:, :axes]).all(1)
    return Candidates(boxes[kept], found.scores[kept], found.labels[kept])


def _places(
    spatial: tuple[int, ...], size: tuple[int, ...], overlap: float
) -> list[tuple[int, ...]]:
    """Where windows begin; one that is larger than the case begins with it."""
    starts = [
        window_starts(max(side, length), length, overlap)
        for side, length in zip(spatial, size, strict=True)
    ]
    return list(product(*starts))


def _batches(places: list[tuple[int, ...]], size: int) -> Iterator[list[tuple[int, ...]]]:
    for start in range(0, len(places), size):
        yield places[start : start + size]


def _read(image: Tensor, place: tuple[int, ...], size: tuple[int, ...]) -> Tensor:
    """A window ``(C, *size)``, with zeros beyond the end of the case."""
    ends = zip(place, size, strict=True)
    part = image[(slice(None), *(slice(start, start + length) for start, length in ends))]
    lacking = [length - side for length, side in zip(size, part.shape[1:], strict=True)]
    if not any(lacking):
        return part
    return F.pad(part, [value for lack in reversed(lacking) for value in (0, lack)])


def _mirrored(found: Candidates, axes: Sequence[int], spatial: Sequence[int]) -> Candidates:
    """Boxes of a mirror image as boxes of the image."""
    if not axes:
        return found
    boxes, count = found.boxes.clone(), len(spatial)
    for axis in axes:
        low, high = found.boxes[:, axis], found.boxes[:, count + axis]
        boxes[:, axis], boxes[:, count + axis] = spatial[axis] - high, spatial[axis] - low
    return found._replace(boxes=boxes)
