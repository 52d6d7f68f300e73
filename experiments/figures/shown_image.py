"""An image, or a slice of a volume, in a panel: in grey or colours, in true proportions."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from datamodules.anatomical_planes import PERCENTILES
from experiments.figures.style import MUTED


def show_image(axes: Axes, image: NDArray[np.floating[Any]], aspect: float, name: str = "") -> None:
    """Fill a panel, without ticks; voxel i of an axis then covers ``[i, i + 1)``.

    Args:
        axes: The panel.
        image: ``(H, W, 1 or 3)``; its own range of grey values is shown from black to white.
        aspect: Height of a pixel as a multiple of its width.
        name: Stands beneath.
    """
    low, high = np.percentile(image.astype(np.float32), PERCENTILES)
    shown = np.clip((image - low) / max(float(high - low), 1e-6), 0, 1)
    shown = np.broadcast_to(shown, (*shown.shape[:2], 3)).astype(np.float32)
    height, width = shown.shape[:2]
    axes.imshow(shown, aspect=aspect, interpolation="nearest", extent=(0, width, height, 0))
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if name:
        axes.set_xlabel(name, color=MUTED, fontsize=7)
