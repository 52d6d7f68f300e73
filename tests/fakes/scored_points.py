"""Rows of a landmarker: places at random, found a known distance beside where they are marked."""

import numpy as np

from lightning_modules.metrics.landmark_rows import LandmarkRow


def scored_points(
    cases: int, points: int, *, axes: int = 2, spacing: float = 1.0, seed: int = 0
) -> list[LandmarkRow]:
    """Rows with another reader and a mean shape; point k is found k + 1 voxels off, at random.

    The first point of the first case is not marked. The farther off, the lower the confidence.
    """
    generator = np.random.default_rng(seed)
    rows = []
    for number in range(cases):
        truth = generator.uniform(30, 70, (points, axes))
        way = generator.normal(size=(points, axes))
        way /= np.linalg.norm(way, axis=1, keepdims=True)
        found = truth + way * np.arange(1, points + 1)[:, None]
        row: LandmarkRow = {
            "case_id": f"case {number:03}",
            "patient_id": f"patient {number}",
            "found": found.tolist(),
            "confidence": (1 / np.arange(1, points + 1)).tolist(),
            "truth": truth.tolist(),
            "spacing": [spacing] * axes,
            "readings": {"junior": (truth + 1).tolist()},
            "usual": [[50.0] * axes] * points,
        }
        rows.append(row)
    rows[0]["truth"][0] = None
    return rows
