"""CT volumes in the layout of LiTS."""

from pathlib import Path

import numpy as np
from fakes.mask_files import ball, volume_of, write_volume


def write(root: Path, volumes: int = 4, tests: int = 1, seed: int = 0) -> Path:
    """Volumes in two folders; the liver is 1, the tumour 2."""
    rng = np.random.default_rng(seed)
    for number in range(volumes):
        folder, mask = root / f"Training Batch {1 + number % 2}", ball(rng)
        write_volume(folder / f"volume-{number}.nii", volume_of(mask, rng))
        write_volume(folder / f"segmentation-{number}.nii", mask)
    for number in range(tests):
        write_volume(root / f"test-volume-{number}.nii", volume_of(ball(rng), rng))
    return root
