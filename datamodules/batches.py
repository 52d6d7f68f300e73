"""The contract between data and modules: the batches of each task."""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired, TypedDict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


UNKNOWN = 255
"""In a mask: not known to which structure the voxel belongs."""


def inside(mask: NDArray[np.uint8], structure: int) -> NDArray[np.bool_]:
    """Where a mask is inside of a structure.

    Args:
        mask: ``(M, *spatial)`` as in :class:`MaskBatch`: label indices, or 0 and 1 for each.
        structure: Its number, from 0.

    Returns:
        ``(*spatial)``; what is not known is not inside.
    """
    within: NDArray[np.bool_] = mask[0] == structure + 1 if len(mask) == 1 else mask[structure] == 1
    return within


def separated(mask: NDArray[np.uint8], structures: int) -> NDArray[np.uint8]:
    """A mask with a channel for each structure, whether or not they exclude one another.

    Args:
        mask: ``(M, *spatial)`` as in :class:`MaskBatch`.
        structures: How many there are (L).

    Returns:
        uint8 ``(L, *spatial)``: 0, 1, or :data:`UNKNOWN`.
    """
    import numpy as np

    if len(mask) == structures:
        return mask
    channels = np.stack([inside(mask, number) for number in range(structures)]).astype(np.uint8)
    channels[:, mask[0] == UNKNOWN] = UNKNOWN
    return channels


class MaskBatch(TypedDict):
    """A batch of patches of images with their masks; in evaluation, one whole preprocessed case.

    Keys:
        image: float32 ``(B, C, *patch)``; a whole case float16.
        mask: uint8. Exclusive structures: ``(B, 1, *patch)``, 0 the background, k the k-th
            structure. Overlapping ones: ``(B, L, *patch)``, 0 or 1. :data:`UNKNOWN` in both.
        index: int64 ``(B,)``, position in the datamodule's table of cases.
        epoch, draw: int64 ``(B,)``, the key that patch and augmentation were drawn from (-1: none).
        case_id, patient_id: added in the main process, so that workers carry no strings.
    """

    image: Tensor
    mask: Tensor
    index: Tensor
    epoch: Tensor
    draw: Tensor
    case_id: NotRequired[list[str]]
    patient_id: NotRequired[list[str]]


class BoxBatch(TypedDict):
    """A batch of patches of images with boxes in them; in evaluation, one whole prepared case.

    A box is its low and then its high corner along the axes of the image (``y0, x0, y1, x1``), in
    continuous coordinates: voxel i covers ``[i, i + 1)``.

    Keys:
        image: float32 ``(B, C, *patch)``; a whole case float16.
        boxes: B of float32 ``(N, 2 * axes)``.
        labels: B of int64 ``(N,)``, positions among the classes; -1: neither object nor background.
        index: int64 ``(B,)``, position in the datamodule's table of cases.
        epoch, draw: int64 ``(B,)``, the key that patch and augmentation were drawn from (-1: none).
        case_id, patient_id: added in the main process, so that workers carry no strings.
    """

    image: Tensor
    boxes: list[Tensor]
    labels: list[Tensor]
    index: Tensor
    epoch: Tensor
    draw: Tensor
    case_id: NotRequired[list[str]]
    patient_id: NotRequired[list[str]]


class PointBatch(TypedDict):
    """A batch of patches of images with landmarks; in evaluation, one whole prepared case.

    Keys:
        image: float32 ``(B, C, *patch)``; a whole case float16.
        points: float32 ``(B, K, axes)``, along the axes of the image, in continuous coordinates:
            voxel i covers ``[i, i + 1)``. NaN: not marked. Some may lie outside of the patch.
        index: int64 ``(B,)``, position in the datamodule's table of cases.
        epoch, draw: int64 ``(B,)``, the key that patch and augmentation were drawn from (-1: none).
        case_id, patient_id: added in the main process, so that workers carry no strings.
    """

    image: Tensor
    points: Tensor
    index: Tensor
    epoch: Tensor
    draw: Tensor
    case_id: NotRequired[list[str]]
    patient_id: NotRequired[list[str]]


class ClassifierBatch(TypedDict):
    """A batch of films or volumes to classify; ``size`` is two or three numbers.

    Keys:
        image: float32 ``(N, C, *size)``, normalised as the preprocessing says; N is B, but where
            cases have several images: exams, and volumes in patches.
        target: float32 ``(B, L)``: 1 holds, 0 does not, NaN not known. One-hot when exclusive.
        index: int64 ``(B,)``, position in the datamodule's table of cases.
        epoch, draw: int64 ``(B,)``, the key that the augmentation was drawn from (-1: none).
        table: float32 ``(B, F)``, what the table knows of each case; F may be 0.
        case_of: int64 ``(N,)``, where cases have several images: position of each image's case.
        detail: float32 ``(N, C, *smaller)``, of candidates: what ``image`` shows the context of.
        case_id, patient_id: added in the main process, so that workers carry no strings.
    """

    image: Tensor
    target: Tensor
    index: Tensor
    epoch: Tensor
    draw: Tensor
    table: Tensor
    case_of: NotRequired[Tensor]
    detail: NotRequired[Tensor]
    case_id: NotRequired[list[str]]
    patient_id: NotRequired[list[str]]


class SurvivalBatch(TypedDict):
    """A batch of bags of tiles of patients who were followed up.

    Keys:
        image: float32 ``(N, D)``, features of all tiles, or uint8 ``(N, 3, h, w)``, the tiles.
        time: float32 ``(B,)``, until the event or the end of follow-up.
        event: bool ``(B,)``: it happened; else the case is censored.
        index: int64 ``(B,)``, position in the datamodule's table of cases.
        epoch, draw: int64 ``(B,)``, the key that the tiles were drawn from (-1: none).
        table: float32 ``(B, F)``, what the table knows of each case; F may be 0.
        case_of: int64 ``(N,)``, position of each tile's case.
        case_id, patient_id: added in the main process, so that workers carry no strings.
    """

    image: Tensor
    time: Tensor
    event: Tensor
    index: Tensor
    epoch: Tensor
    draw: Tensor
    table: Tensor
    case_of: Tensor
    case_id: NotRequired[list[str]]
    patient_id: NotRequired[list[str]]
