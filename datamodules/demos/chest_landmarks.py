"""Landmarks of a drawn chest: where its edges are, from the shapes that they are drawn from."""

import numpy as np

from datamodules.demos.drawing import FILM, Points
from datamodules.demos.mediastinum import (
    BRONCHI,
    BRONCHUS,
    Ellipse,
    aortic_knob,
    heart_halves,
    magnified,
    windpipe,
)
from datamodules.demos.thorax import LEFT, RIGHT, Thorax

EDGE = 0.55 * 2 / FILM
"""How far outside of its outline a filled shape seems to end: OpenCV draws the outline, too."""
SIDES = {RIGHT: "right", LEFT: "left"}
"""Of the patient."""
PAIRED = ("apex", "chest_wall", "costophrenic_angle", "dome", "heart_border")
LANDMARKS = (
    *(f"{side}_{name}" for name in PAIRED for side in SIDES.values()),
    "aortic_knob",
    "carina",
)


def chest_landmarks(thorax: Thorax, portable: bool, bend: float) -> dict[str, Points]:
    """Every landmark of :data:`LANDMARKS`, ``(2,)``, in the units of the canvas.

    ``chest_wall`` is the inner one at the height of the right dome, and ``heart_border`` where the
    heart is widest, so that the cardiothoracic ratio is that of two distances across.

    Args:
        thorax: Its shape.
        portable: Whether the film is, which magnifies the heart.
        bend: Of the windpipe to the side.
    """
    halves = heart_halves(thorax, magnified(portable))
    found = {}
    for side, name in SIDES.items():
        outwards = np.array([side * EDGE, 0.0])
        found[f"{name}_apex"] = _top(thorax.lungs[side]) - np.array([0.0, EDGE])
        found[f"{name}_chest_wall"] = _wall(thorax, side) + outwards
        found[f"{name}_costophrenic_angle"] = _angle(thorax, side) + outwards
        found[f"{name}_dome"] = _top(_diaphragm(thorax, side))
        found[f"{name}_heart_border"] = widest(halves[side], side) + outwards
    found["aortic_knob"] = widest(aortic_knob(thorax), LEFT) + np.array([EDGE, 0.0])
    found["carina"] = windpipe(bend)[-1] + _notch()
    return {name: found[name] for name in LANDMARKS}


def widest(shape: Ellipse, side: float) -> Points:
    """The point of an ellipse that lies farthest to a side, ``(2,)``."""
    x, y, a, b, tilt = shape
    reach = np.hypot(a * np.cos(tilt), b * np.sin(tilt))
    rise = (a**2 - b**2) * np.sin(tilt) * np.cos(tilt) / reach
    return np.array([x + side * reach, y + side * rise])


def _wall(thorax: Thorax, side: float) -> Points:
    """The inner chest wall at the height of the right dome."""
    away = float(thorax.side_wall(np.array([thorax.dome]))[0])
    return np.array([away * side, thorax.dome])


def _diaphragm(thorax: Thorax, side: float) -> Points:
    x = np.linspace(0.13, thorax.width, 2000)
    return np.column_stack([x * side, thorax.diaphragm(x, side)])


def _angle(thorax: Thorax, side: float) -> Points:
    """Where the diaphragm meets the wall."""
    y = np.linspace(thorax.dome, thorax.dome + 0.6, 2000)
    wall = thorax.side_wall(y)
    meeting = np.abs(thorax.diaphragm(wall, side) - y).argmin()
    return np.array([wall[meeting] * side, y[meeting]])


def _top(outline: Points) -> Points:
    """The middle of what is highest of an outline."""
    highest = outline[outline[:, 1] <= outline[:, 1].min() + 1e-9]
    middle: Points = highest.mean(axis=0)
    return middle


def _notch() -> Points:
    """Where the lower edges of the main bronchi meet, from where their middles do."""
    along = np.array([BRONCHI[side][1] for side in SIDES])
    down = np.column_stack([-along[:, 1], along[:, 0]])
    down *= np.sign(down[:, 1:]) / np.linalg.norm(down, axis=1, keepdims=True)
    meeting: Points = np.linalg.solve(down, np.full(2, BRONCHUS / 2))
    return meeting
