"""Volumes in nnU-Net's raw format, version 2."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from fakes.mask_files import ball, volume_of, write_volume

LABELS = {"background": 0, "ball": 1, "core": 2}


def write(root: Path, volumes: int = 6, tests: int = 0, channels: int = 2, seed: int = 0) -> Path:
    """A ball with a core in each volume, two volumes a patient; one file a channel."""
    rng = np.random.default_rng(seed)
    for number in range(volumes + tests):
        side, name = "Tr" if number < volumes else "Ts", f"p{number // 2}_{number}"
        mask = ball(rng)
        for channel in range(channels):
            write_volume(root / f"images{side}/{name}_{channel:04d}.nii.gz", volume_of(mask, rng))
        write_volume(root / f"labels{side}/{name}.nii.gz", mask)
    names = {str(channel): f"T{channel + 1}" for channel in range(channels)}
    write_description(root, channel_names=names, numTraining=volumes)
    return root


def write_description(root: Path, **changed: Any) -> None:
    """``dataset.json``; None leaves a key out."""
    content = {"channel_names": {"0": "T1"}, "labels": LABELS, "file_ending": ".nii.gz", **changed}
    kept = {key: value for key, value in content.items() if value is not None}
    root.mkdir(parents=True, exist_ok=True)
    (root / "dataset.json").write_text(json.dumps(kept))
