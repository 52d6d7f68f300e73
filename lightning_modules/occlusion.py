"""Where a classifier looks, asked of the classifier itself: what it says when a part is hidden."""

from collections.abc import Callable, Sequence
from itertools import product

import torch
from torch import Tensor

STEPS = 8
"""Places of the hidden box along each axis."""
BOX = 2
"""Side of the box in steps."""
AT_ONCE = 32
"""Images with a part hidden that are looked at together."""


def occlusion(logit_of: Callable[[Tensor], Tensor], image: Tensor) -> Tensor:
    """Evidence in one image: how far the logit falls when a box about each place is hidden.

    Boxes of a quarter of each side take the image's mean; at a place it is the mean over the boxes
    that hide it.

    Args:
        logit_of: Images ``(n, C, *size)`` to one logit each, ``(n,)``.
        image: Float ``(C, *size)``.

    Returns:
        float32 ``(*size)``, 0 or more, in units of the logit.

    References:
        Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV 2014.
    """
    boxes = _boxes(image.shape[1:])
    fill = image.mean(dim=tuple(range(1, image.ndim)), keepdim=True)
    with torch.inference_mode():
        whole = logit_of(image[None])
        falls = []
        for start in range(0, len(boxes), AT_ONCE):
            some = boxes[start : start + AT_ONCE]
            hidden = image.expand(len(some), *image.shape).clone()
            for own, box in zip(hidden, some, strict=True):
                own[(slice(None), *box)] = fill
            falls.append(whole - logit_of(hidden))
    total, count = (torch.zeros(image.shape[1:], device=image.device) for _ in range(2))
    for fall, box in zip(torch.cat(falls).float(), boxes, strict=True):
        total[box] += fall
        count[box] += 1
    return (total / count).clamp_min(0)


def _boxes(size: Sequence[int]) -> list[tuple[slice, ...]]:
    """Boxes that cover an image, each place by several where there is room."""
    axes = []
    for side in size:
        step = max(1, -(-side // STEPS))
        starts = range(-(BOX - 1) * step, side, step)
        axes.append([slice(max(0, start), min(side, start + BOX * step)) for start in starts])
    return list(product(*axes))
