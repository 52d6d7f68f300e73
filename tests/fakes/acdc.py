"""Cine MRI in the layout of ACDC."""

from pathlib import Path

import numpy as np
from fakes.mask_files import ball, volume_of, write_volume

GROUPS = ("DCM", "HCM", "MINF", "NOR", "RV")


def write(root: Path, patients: int = 5, tests: int = 2, seed: int = 0) -> Path:
    """Both phases of each patient; the values 1 to 3 occur."""
    rng = np.random.default_rng(seed)
    for number in range(1, patients + tests + 1):
        side = "training" if number <= patients else "testing"
        name = f"patient{number:03d}"
        folder = root / side / name
        for frame in (1, 12):
            mask = ball(rng)
            mask[0] = 3
            write_volume(folder / f"{name}_frame{frame:02d}.nii.gz", volume_of(mask, rng))
            write_volume(folder / f"{name}_frame{frame:02d}_gt.nii.gz", mask)
        group = GROUPS[number % 5]
        info = f"ED: 1\nES: 12\nGroup: {group}\nHeight: 184.0\nNbFrame: 30\nWeight: 95.0\n"
        (folder / "Info.cfg").write_text(info)
    return root
