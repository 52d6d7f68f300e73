"""What on a slide is no tissue although it has colour: ink of pens, and black margins."""

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
RIM_UM = 40.0
"""Ink fades at its rim: so much around it is left out too."""
THINNEST_UM = 24.0
"""Strokes of pens are broader; pigment and blood cells are not."""


def find_black(hsv: NDArray[np.uint8]) -> Mask:
    """What is black all through, such as margins beyond the scanned area.

    Args:
        hsv: ``(h, w, 3)`` as OpenCV has it: hue in half degrees, saturation and value to 255.
    """
    return np.asarray(hsv[..., 2] <= 40, np.bool_)


def find_ink(hsv: NDArray[np.uint8], um_per_pixel: float) -> Mask:
    """Blue, green, red and black ink with its rim, and black margins.

    Haematoxylin and eosin are between blue and red by way of violet; DAB is orange to brown. What
    is green is ink at any strength, and what is blue or red where it is stronger than a stain.

    Args:
        hsv: ``(h, w, 3)`` as OpenCV has it: hue in half degrees, saturation and value to 255.
        um_per_pixel: Scale of the image.
    """
    hue, saturation, value = (hsv[..., channel] for channel in range(3))
    green = (hue >= 38) & (hue <= 88) & (saturation >= 45) & (value <= 235)
    blue = (hue > 88) & (hue <= 122) & (saturation >= 130)
    red = ((hue <= 7) | (hue >= 173)) & (saturation >= 170) & (value >= 110)
    black = (value <= 90) & (saturation <= 100)
    ink = (green | blue | red | black | find_black(hsv)).astype(np.uint8)
    thinnest = max(1, round(THINNEST_UM / um_per_pixel))
    strokes = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((thinnest, thinnest)))
    rim = 2 * max(1, round(RIM_UM / um_per_pixel)) + 1
    return np.asarray(cv2.dilate(strokes, np.ones((rim, rim))), np.uint8) > 0
