"""A few pictures and volumes with landmarks, in tables and in the markups of 3D Slicer."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from fakes.csv_table import write_table
from fakes.mask_files import SHAPE, write_image, write_volume

SIZE = (40, 60)
"""Height and width of the pictures."""
NAMES = ("sella", "nasion")
POINTS: Mapping[str, Mapping[str, tuple[float, float] | None]] = {
    "p1_a": {"sella": (20.5, 12.0), "nasion": (50.0, 10.0)},
    "p1_b": {"sella": (21.0, 13.0), "nasion": None},
    "p2_a": {"sella": (19.0, 14.0), "nasion": (51.0, 12.0)},
    "p3_a": {"sella": None, "nasion": (48.0, 11.0)},
    "p4_a": {"sella": (22.0, 12.0), "nasion": (52.0, 9.0)},
    "p5_a": {"sella": (20.0, 11.0), "nasion": (49.0, 9.5)},
}
SIDE_OF = dict(zip(POINTS, ["train"] * 4 + ["val", "test"], strict=True))
WHOSE = {"patient_column": "patient", "split_column": "split"}
"""Settings that read the tables."""


def write_pictures(root: Path, folder: str = "images/{name}.png", seed: int = 0) -> None:
    """The pictures, grey."""
    rng = np.random.default_rng(seed)
    for name in POINTS:
        write_image(root / folder.format(name=name), rng.integers(0, 256, SIZE))


def write_wide(root: Path) -> Path:
    """Pictures, and a table with a row an image."""
    write_pictures(root)
    columns = ["image", *(f"{name}_{axis}" for name in NAMES for axis in "xy"), "patient", "split"]
    rows = [
        (f"images/{name}.png", *(c for p in points.values() for c in p or ("", "")))
        for name, points in POINTS.items()
    ]
    whose = [(name[:2], SIDE_OF[name]) for name in POINTS]
    rows = [(*row, *own) for row, own in zip(rows, whose, strict=True)]
    write_table(root / "points.csv", columns, rows)
    return root


def write_long(root: Path) -> Path:
    """Pictures, and a table with a row a landmark."""
    write_pictures(root)
    rows = [
        (f"images/{name}.png", point, *(place or ("", "")), name[:2], SIDE_OF[name])
        for name, points in POINTS.items()
        for point, place in points.items()
    ]
    write_table(root / "points.csv", ("image", "point", "x", "y", "patient", "split"), rows)
    return root


def write_markups(root: Path, system: str = "LPS") -> Path:
    """Three volumes of 1 x 1 x 2 mm with two landmarks; of the last one, one is undefined."""
    rng = np.random.default_rng(0)
    for number in range(3):
        write_volume(root / f"v{number}.nii.gz", rng.normal(size=SHAPE).astype(np.float32))
        points = {"ac": (5.0 + number, 6.0, 8.0), "pc": None if number == 2 else (9.0, 7.5, 4.0)}
        (root / f"v{number}.mrk.json").write_text(json.dumps(markups_of(points, system)))
    return root


def markups_of(
    points: Mapping[str, tuple[float, ...] | None], system: str = "LPS"
) -> dict[str, object]:
    """What Slicer writes of some points."""
    control = [
        {
            "id": str(number),
            "label": name,
            "position": [0.0, 0.0, 0.0] if place is None else list(place),
            "positionStatus": "undefined" if place is None else "defined",
        }
        for number, (name, place) in enumerate(points.items(), start=1)
    ]
    own = {"type": "Fiducial", "coordinateSystem": system, "coordinateUnits": "mm"}
    return {"@schema": "markups-schema-v1.0.3", "markups": [{**own, "controlPoints": control}]}
