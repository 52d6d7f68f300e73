"""The middle of a drawn thorax: heart, great vessels, airways; and where their edges are."""

import numpy as np
from numpy.random import Generator

from datamodules.demos.drawing import Layer, Points, ellipse, lines, polygon
from datamodules.demos.thorax import LEFT, RIGHT, Thorax

BRONCHI = {
    RIGHT: np.array([(0.0, 0.0), (-0.10, 0.10), (-0.19, 0.22)]),
    LEFT: np.array([(0.0, 0.0), (0.12, 0.10), (0.22, 0.17)]),
}
"""Courses of the main bronchi from where the windpipe divides."""
BRONCHUS = 0.05
"""Width of each."""
Ellipse = tuple[float, float, float, float, float]
"""Middle x and y, half axes, tilt."""


def great_vessels(thorax: Thorax) -> Layer:
    """A band in the middle, with the aortic knob and the pulmonary trunk on the left; 0 to 1."""
    left = [(0.10, -1.0), (0.13, -0.45), (0.13, 0.1), (0.14, 0.7)]
    right = [(-0.12, 0.7), (-0.15, 0.1), (-0.155, -0.35), (-0.12, -0.6), (-0.12, -1.0)]
    band = np.array([*left, *right])
    knob = ellipse(*aortic_knob(thorax))
    trunk = ellipse(0.11, -0.12, 0.08, 0.10)
    return polygon(band, knob, trunk, blur=2.2)


def aortic_knob(thorax: Thorax) -> Ellipse:
    """The knob, as :func:`ellipse` takes it."""
    return 0.10, -0.31, 0.08 + 0.08 * thorax.knob, 0.10, 0.0


def heart(thorax: Thorax, magnification: float) -> Layer:
    """The heart: an egg that points down to the left, beside the right atrium; 0 to 1."""
    outlines = [ellipse(*half) for half in heart_halves(thorax, magnification).values()]
    return polygon(*outlines, blur=2.4)


def heart_halves(thorax: Thorax, magnification: float) -> dict[float, Ellipse]:
    """The right atrium, and the ventricles to the left, as :func:`ellipse` takes them."""
    size = thorax.heart * magnification
    bottom = thorax.dome + 0.05
    ventricle = (0.26 * size / 0.42, bottom - 0.62 * size, size, 0.72 * size, 0.62)
    atrium = (-0.06, bottom - 0.56 * size, 0.46 * size, 0.62 * size, 0.0)
    return {LEFT: ventricle, RIGHT: atrium}


def magnified(portable: bool) -> float:
    """How much larger the heart looks than it is: it lies far from a portable film."""
    return 1.12 if portable else 1.0


def draw_bend(rng: Generator) -> float:
    """How far the windpipe lies to the left of where it usually does."""
    return rng.uniform(-0.025, 0.015)


def windpipe(bend: float) -> Points:
    """The middle of the windpipe, from the top to where it divides."""
    y = np.linspace(-1.3, -0.26, 20)
    course: Points = np.column_stack([bend - 0.02 + 0.02 * np.sin(2.5 * y), y])
    return course


def airways(bend: float) -> Layer:
    """Windpipe and main bronchi."""
    trachea = windpipe(bend)
    bronchi = lines([trachea[-1] + course for course in BRONCHI.values()], BRONCHUS, blur=1.5)
    return -0.13 * lines([trachea], 0.075, blur=1.5) - 0.06 * bronchi
