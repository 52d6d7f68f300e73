"""What a landmarker may know of the data when it is built: plain values, kept in checkpoints."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class LandmarkInfo:
    """What a landmarker knows.

    Attributes:
        points: Names of the landmarks, in the order of the network's outputs.
        channels: Image channels.
        patch: What the network sees at once in training, in voxels of the prepared grid.
        spacing: Of the prepared grid in mm, a number for each axis.
        has_spacing: False where the files have none; then it is 1 and lengths are in pixels.
        whole: Whether every training case fits into a patch, so that it is seen whole.
        mirror_axis: The axis of the patch along which training mirrors it; None: it does not.
        swapped: Of each landmark, the number of the one that it becomes in a mirror image.
        mean_points: Mean place of each in the files of training cases, as shares of the file's
            sides: what has to be beaten. Empty: it is nowhere marked.
    """

    points: tuple[str, ...]
    channels: int
    patch: tuple[int, ...]
    spacing: tuple[float, ...]
    has_spacing: bool = True
    whole: bool = True
    mirror_axis: int | None = None
    swapped: tuple[int, ...] = ()
    mean_points: tuple[tuple[float, ...], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain containers, loadable with ``weights_only=True``."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> LandmarkInfo:
        """Inverse of :meth:`to_dict`."""
        return cls(
            points=tuple(values["points"]),
            channels=values["channels"],
            patch=tuple(values["patch"]),
            spacing=tuple(values["spacing"]),
            has_spacing=values["has_spacing"],
            whole=values["whole"],
            mirror_axis=values["mirror_axis"],
            swapped=tuple(values["swapped"]),
            mean_points=tuple(tuple(place) for place in values["mean_points"]),
        )
