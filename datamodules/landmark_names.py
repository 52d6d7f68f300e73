"""Which landmarks are to be found, and what is marked of them in a case."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray

from datamodules.cases import Case, CaseTable
from datamodules.configs.landmarks import LandmarksConfig
from datamodules.errors import ConfigError, DataError
from datamodules.point_places import placed_points, readings_of
from datamodules.transforms.point_geometry import mask_outside
from datamodules.transforms.volume_geometry import VolumeGeometry

Points = NDArray[np.float32]
Placed = Mapping[str, tuple[float, ...] | None]


@dataclass(frozen=True, eq=False)
class CasePoints:
    """The landmarks of a case, in voxels of its file, in continuous coordinates.

    Attributes:
        points: float32 ``(K, axes)`` along the axes of the file; NaN: not marked, or outside.
        readings: Who else marked it -> the same.
        outside: Names of landmarks that are marked outside of the image.
    """

    points: Points
    readings: Mapping[str, Points]
    outside: tuple[str, ...]


@dataclass(frozen=True)
class LandmarkNames:
    """The landmarks that are to be found.

    Attributes:
        names: In the order of the network's outputs.
    """

    names: tuple[str, ...]

    @classmethod
    def of(cls, table: CaseTable, config: LandmarksConfig) -> "LandmarkNames":
        """Those of a dataset that are asked for.

        Raises:
            ConfigError: If one is not there, or the dataset has none.
        """
        if not table.points:
            raise ConfigError(f"{table.name} has no landmarks, and a landmarker needs some")
        for setting, names in (
            ("points", config.points),
            ("swaps", tuple(name for pair in config.swaps for name in pair)),
        ):
            for name in names:
                if name not in table.points:
                    near = get_close_matches(name, table.points, n=1)
                    raise ConfigError(
                        f"--data.{setting}: {table.name} has no landmark '{name}'"
                        + (f"; did you mean '{near[0]}'?" if near else "")
                        + f"\nIt has: {', '.join(table.points)}"
                    )
        return cls(config.points or table.points)

    @classmethod
    def of_model(cls, table: CaseTable, names: tuple[str, ...]) -> "LandmarkNames":
        """Those of a trained model.

        Raises:
            DataError: If the dataset has none of them.
        """
        if set(table.points).isdisjoint(names):
            there = ", ".join(table.points) or "none"
            raise DataError(
                f"{table.name} has the landmarks {there}, and the model finds {', '.join(names)}:"
                " no case can be scored; call them as the model does"
            )
        return cls(names)

    def annotate(self, case: Case) -> bool:
        """Whether a landmark of a case is marked."""
        return bool(self.marked(case))

    def marked(self, case: Case) -> set[str]:
        """The landmarks that are marked in a case."""
        given = case.targets.get("points") or case.targets.get("volume_points") or {}
        return {name for name in self.names if given.get(name) is not None}

    def swapped(self, pairs: Sequence[tuple[str, str]]) -> tuple[int, ...]:
        """Of each landmark, the number of the one that it becomes in a mirror image.

        Raises:
            ConfigError: If only one of two that change places is to be found.
        """
        partner = {a: b for pair in pairs for a, b in (pair, pair[::-1])}
        for name in self.names:
            if partner.get(name, name) not in self.names:
                raise ConfigError(
                    f"--data.swaps: '{name}' changes places with '{partner[name]}', which is not"
                    " among the landmarks to find (--data.points)"
                )
        return tuple(self.names.index(partner.get(name, name)) for name in self.names)

    def points_of(self, case: Case, geometry: VolumeGeometry) -> CasePoints:
        """What is marked in a case.

        Raises:
            DataError: If its points have another number of axes than its file.
        """
        affine, shape = np.reshape(geometry.affine, (4, 4)), geometry.shape
        marked = self._array(placed_points(case, affine, shape), len(shape))
        within = mask_outside(marked, shape)
        lost = np.any(np.isnan(within) & ~np.isnan(marked), axis=1)
        readings = readings_of(case, affine, shape)
        return CasePoints(
            within,
            {who: self._array(own, len(shape)) for who, own in readings.items()},
            tuple(name for name, gone in zip(self.names, lost.tolist(), strict=True) if gone),
        )

    def _array(self, placed: Placed, axes: int) -> Points:
        """Places in the order of the names, float32 ``(K, axes)``; NaN: not marked."""
        nowhere = (float("nan"),) * axes
        return np.array([placed.get(name) or nowhere for name in self.names], np.float32)
