"""A whole drawn chest: the thorax with all that lies in it and over it."""

import numpy as np
from numpy.random import Generator

from datamodules.demos.drawing import Layer
from datamodules.demos.mediastinum import airways, draw_bend, great_vessels, heart, magnified
from datamodules.demos.thorax import Thorax, abdomen, breasts, shoulder_girdle, vessels


def draw_thorax(thorax: Thorax, portable: bool, rng: Generator, bend: float | None = None) -> Layer:
    """Attenuation of a healthy thorax, float32 ``(CANVAS, CANVAS)``, about 0 to 1.3.

    Args:
        thorax: Its shape.
        portable: Whether the film is, which magnifies the heart.
        rng: Of what differs between films.
        bend: Of the windpipe to the side; None: it is drawn.
    """
    heart_shadow = heart(thorax, magnified(portable))
    return (
        thorax.frame
        + _overlapping(0.34 * heart_shadow, 0.27 * great_vessels(thorax), abdomen(thorax, rng))
        + airways(draw_bend(rng) if bend is None else bend)
        + shoulder_girdle(thorax, portable, rng)
        + vessels(thorax, rng) * (1 - 0.75 * heart_shadow)
        + breasts(thorax, rng)
    )


def _overlapping(*layers: Layer) -> Layer:
    """Tissue that takes the place of other tissue instead of adding to it."""
    total, most = layers[0], layers[0]
    for layer in layers[1:]:
        total, most = total + layer, np.maximum(most, layer)
    return 0.8 * most + 0.2 * total
