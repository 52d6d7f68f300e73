"""Anchors fitted to the boxes of training, and the places where they stand."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

LEAST_SIDE = 4.0
"""No anchor is smaller, in voxels."""
CELLS = 4
"""How many places of a map the side of a typical object of that map has."""
STRIDES = (8, 4, 2)
LEAST_CELLS = 1.5
"""How many places of the finest map the side of a small object has at least."""
ROUNDS = 30
SMALLEST_SHARE = 0.05
"""Share of the boxes that may be too small for the finest map."""


def finest_stride(box_sizes: Sequence[Sequence[float]]) -> int:
    """Coarsest of the strides 8, 4 and 2 at which all but the smallest objects have 1.5 places.

    Args:
        box_sizes: Sides of boxes in voxels, ``(N, D)``; none: 4.
    """
    if not len(box_sizes):
        return 4
    lengths = _lengths(torch.tensor(box_sizes, dtype=torch.float64))
    small = round(float(lengths.quantile(SMALLEST_SHARE)), 3)
    return next((stride for stride in STRIDES if small >= LEAST_CELLS * stride), STRIDES[-1])


def fit_anchors(
    box_sizes: Sequence[Sequence[float]], strides: Sequence[int], per_level: int, axes: int
) -> Tensor:
    """Sides of anchors for each map: k-means by overlap of the boxes that belong to it.

    A box belongs to the map at whose stride it is nearest to 4 places long. A map without boxes
    has the anchors of a neighbour, scaled.

    Args:
        box_sizes: Sides of boxes in voxels, ``(N, D)``.
        strides: Of the maps, from the finest to the coarsest.
        per_level: How many anchors each map gets.
        axes: D.

    Returns:
        float32 ``(levels, per_level, D)``, at least 4 voxels.

    References:
        Redmon and Farhadi, "YOLO9000", CVPR 2017, for k-means by overlap.
    """
    sizes = torch.tensor(box_sizes, dtype=torch.float64).reshape(-1, axes).clamp(min=LEAST_SIDE)
    scales = torch.tensor(strides, dtype=torch.float64) * CELLS
    if not len(sizes):
        sizes = scales[:, None].expand(-1, axes)
    own = (_lengths(sizes).log()[:, None] - scales.log()).abs().argmin(dim=1)
    found = {int(level): _clusters(sizes[own == level], per_level) for level in own.unique()}
    anchors = []
    for level in range(len(strides)):
        nearest = min(found, key=lambda other: (abs(other - level), other))
        anchors.append(found[nearest] * strides[level] / strides[nearest])
    return torch.stack(anchors).clamp(min=LEAST_SIDE).float()


def achievable_recall(box_sizes: Sequence[Sequence[float]], anchors: Tensor, iou: float) -> float:
    """Share of boxes that some anchor overlaps enough when it stands at their centre.

    Args:
        box_sizes: Sides of boxes in voxels, ``(N, D)``.
        anchors: Sides ``(..., D)``.
        iou: What is enough, in 0..1.

    Returns:
        In 0..1; not a number without boxes.
    """
    if not len(box_sizes):
        return float("nan")
    sizes = torch.tensor(box_sizes, dtype=torch.float64)
    shapes = anchors.double().reshape(-1, sizes.shape[1])
    return float((_overlaps(sizes, shapes).amax(dim=1) >= iou).double().mean())


class AnchorGrid(nn.Module):
    """Anchors at every place of every map; stands in for those of MONAI and of torchvision.

    Args:
        sizes: Sides float32 ``(levels, A, D)``.
        strides: Of the maps.
        xy: Whether coordinates are in torchvision's order, ``x0, y0, x1, y1``.
    """

    sizes: Tensor

    def __init__(self, sizes: Tensor, strides: Sequence[int], *, xy: bool = False) -> None:
        super().__init__()
        self.register_buffer("sizes", sizes)
        self.strides = tuple(strides)
        self.xy = xy

    def num_anchors_per_location(self) -> list[int]:
        """Anchors at each place, for each map."""
        return [self.sizes.shape[1]] * self.sizes.shape[0]

    def forward(self, images: object, maps: Sequence[Tensor]) -> list[Tensor]:
        """Anchors of each image, ``(N, 2 * D)``: map after map, place after place.

        Args:
            images: Not looked at.
            maps: ``(B, C, *size)``, one for each level.
        """
        found = []
        for sizes, stride, each in zip(self.sizes, self.strides, maps, strict=True):
            centres = cell_centres(each.shape[2:], stride, each.device)
            corners = (centres[:, None] - sizes / 2, centres[:, None] + sizes / 2)
            if self.xy:
                corners = (corners[0].flip(-1), corners[1].flip(-1))
            found.append(torch.cat(corners, dim=-1).flatten(0, 1))
        return [torch.cat(found)] * len(maps[0])


def cell_centres(size: Sequence[int], stride: int, device: torch.device) -> Tensor:
    """Centres of the places of a map, in voxels of the image, float32 ``(places, D)``."""
    axes = [(torch.arange(side, device=device) + 0.5) * stride for side in size]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).flatten(0, -2)


def _lengths(sizes: Tensor) -> Tensor:
    """Sides of the squares or cubes that are as large."""
    lengths: Tensor = sizes.log().mean(dim=-1).exp()
    return lengths


def _geometric_mean(sizes: Tensor) -> Tensor:
    """Mean sides ``(D,)`` of boxes ``(N, D)``, of which small ones count as much as large ones."""
    mean: Tensor = sizes.log().mean(dim=0).exp()
    return mean


def _clusters(sizes: Tensor, count: int) -> Tensor:
    """Means by overlap of boxes with sides ``(N, D)``: ``(count, D)``, from small to large.

    They start at even shares of the boxes from the narrowest to the widest and, where boxes are
    alike, a quarter apart in size, so that no two are the same.
    """
    order = (sizes[:, 0] / sizes[:, -1]).argsort(stable=True)
    places = (torch.arange(count) + 0.5) / count * len(sizes)
    spread = 1.25 ** (torch.arange(count, dtype=sizes.dtype) - (count - 1) / 2)
    means = sizes[order][places.long()] * (spread[:, None] if count > 1 else 1)
    for _ in range(ROUNDS):
        nearest = _overlaps(sizes, means).argmax(dim=1)
        means = torch.stack(
            [
                _geometric_mean(sizes[nearest == each]) if (nearest == each).any() else means[each]
                for each in range(count)
            ]
        )
    return means[means.prod(dim=1).argsort(stable=True)]


def _overlaps(sizes: Tensor, shapes: Tensor) -> Tensor:
    """Intersection over union of boxes about the same centre, ``(N, M)``."""
    shared = torch.minimum(sizes[:, None], shapes[None]).prod(dim=-1)
    return shared / (sizes.prod(dim=-1)[:, None] + shapes.prod(dim=-1)[None] - shared)
