"""Landmarks as 3D Slicer opens them: a list of points in a ``.mrk.json`` file."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.volume import Volume

ENDING = ".mrk.json"
SCHEMA = (
    "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/"
    "Schema/markups-schema-v1.0.3.json#"
)
ORIENTATION = (-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0)
"""Axes of a point: those of RAS, in LPS."""


def as_markups(names: Sequence[str], points: NDArray[np.floating[Any]], image: Volume) -> str:
    """The text of a markups file, version 1.0.3 of the schema.

    Args:
        names: Of the landmarks.
        points: Of each along the axes of the file, ``(K, axes)``, in continuous coordinates: voxel
            i covers ``[i, i + 1)``.
        image: As it was read. Slicer lays a flat one into the plane z = 0, with the middle of its
            first pixel at 0, and x and y to the right and down.

    References:
        https://slicer.readthedocs.io, Markups, file formats.
    """
    places = in_lps(points, image).round(4).tolist()
    control_points = [
        {
            "id": str(number),
            "label": name,
            "description": "",
            "associatedNodeID": "",
            "position": place,
            "orientation": list(ORIENTATION),
            "selected": True,
            "locked": False,
            "visibility": True,
            "positionStatus": "defined",
        }
        for number, (name, place) in enumerate(zip(names, places, strict=True), start=1)
    ]
    markup = {
        "type": "Fiducial",
        "coordinateSystem": "LPS",
        "coordinateUnits": "mm",
        "locked": False,
        "fixedNumberOfControlPoints": False,
        "labelFormat": "%N-%d",
        "lastUsedControlPointNumber": len(control_points),
        "controlPoints": control_points,
    }
    return json.dumps({"@schema": SCHEMA, "markups": [markup]}, indent=1) + "\n"


def in_ras(points: NDArray[np.floating[Any]], image: Volume) -> NDArray[np.float64]:
    """Points of a volume in mm to the right, to the front and up, ``(K, 3)``."""
    index = np.asarray(points, np.float64) - 0.5
    return np.asarray(index @ image.affine[:3, :3].T + image.affine[:3, 3])


def in_lps(points: NDArray[np.floating[Any]], image: Volume) -> NDArray[np.float64]:
    """Points in mm to the left, to the back and up, ``(K, 3)``; of flat images see above."""
    if points.shape[1] == 3:
        return in_ras(points, image) * (-1, -1, 1)
    across = (np.asarray(points, np.float64) - 0.5)[:, ::-1] * image.spacing[::-1]
    return np.column_stack([across, np.zeros(len(across))])
