"""Centreline Dice: whether a tree of vessels is connected as it should be."""

from typing import NamedTuple

import numpy as np

from lightning_modules.metrics.mask_crops import BoolMask, union_box


class CentrelineCounts(NamedTuple):
    """Voxels of the centrelines of two masks, in one case.

    Attributes:
        predicted_inside: Of the prediction's centreline, inside the true mask.
        predicted: Of the prediction's centreline.
        true_inside: Of the true centreline, inside the prediction.
        true: Of the true centreline.
    """

    predicted_inside: int
    predicted: int
    true_inside: int
    true: int


def count_centrelines(prediction: BoolMask, truth: BoolMask) -> CentrelineCounts:
    """Count the voxels of centrelines, which are thinned on the voxel grid, whatever its spacing.

    Args:
        prediction: bool, ``(*spatial)``, two or three axes.
        truth: Likewise, of the same shape.

    References:
        Shit et al., "clDice: a novel topology-preserving loss function for tubular structure
        segmentation", CVPR 2021. Zhang and Suen 1984 (2D); Lee et al. 1994 (3D).
    """
    box = union_box(prediction, truth)
    if box is None:
        return CentrelineCounts(0, 0, 0, 0)
    called, true = prediction[box], truth[box]
    called_line, true_line = centreline(called), centreline(true)
    return CentrelineCounts(
        int(np.count_nonzero(called_line & true)),
        int(np.count_nonzero(called_line)),
        int(np.count_nonzero(true_line & called)),
        int(np.count_nonzero(true_line)),
    )


def centreline(mask: BoolMask) -> BoolMask:
    """Thin a mask to lines, bool ``(*spatial)``.

    Of some compact blobs thinning in 3D leaves nothing; such a mask is its own centreline.
    """
    from skimage.morphology import skeletonize

    line = np.asarray(skeletonize(mask), dtype=bool)
    return line if line.any() else mask
