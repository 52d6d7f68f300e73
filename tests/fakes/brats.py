"""Four sequences and a mask a scan, as the challenges named them."""

from pathlib import Path

import numpy as np
from fakes.mask_files import ball, volume_of, write_volume

OLD = ("t1", "t1ce", "t2", "flair")
RECENT = ("t1n", "t1c", "t2w", "t2f")


def write(root: Path, names: tuple[str, ...], ending: str = ".nii.gz", seed: int = 0) -> Path:
    """Folders such as ``HGG/Brats18_CBICA_AAB_1`` or ``BraTS-GLI-00000-000``, with their files."""
    rng = np.random.default_rng(seed)
    for path in names:
        name, recent = path.rpartition("/")[2], "-" in path
        mask = ball(rng)
        mask[mask == 2] = 3 if recent else 4
        mask[0] = 2
        sign = "-" if recent else "_"
        for sequence in RECENT if recent else OLD:
            write_volume(root / path / f"{name}{sign}{sequence}{ending}", volume_of(mask, rng))
        write_volume(root / path / f"{name}{sign}seg{ending}", mask)
    return root
