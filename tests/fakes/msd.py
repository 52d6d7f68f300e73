"""Volumes in the layout of the Medical Segmentation Decathlon."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from fakes.mask_files import ball, volume_of, write_volume

NAME = "hippocampus_{:03d}"


def write(root: Path, volumes: int = 6, tests: int = 2, channels: int = 1, seed: int = 0) -> Path:
    """A ``dataset.json``, and a ball with a core in each volume."""
    rng, training = np.random.default_rng(seed), []
    for number in range(1, volumes + 1):
        mask, name = ball(rng), NAME.format(number)
        grey = np.stack([volume_of(mask, rng) for _ in range(channels)], axis=-1)
        write_volume(root / f"imagesTr/{name}.nii.gz", grey if channels > 1 else grey[..., 0])
        write_volume(root / f"labelsTr/{name}.nii.gz", mask)
        image, label = f"./imagesTr/{name}.nii.gz", f"./labelsTr/{name}.nii.gz"
        training.append({"image": image, "label": label})
    write_description(
        root, training=training, test=[f"./imagesTs/{n}.nii.gz" for n in range(tests)]
    )
    return root


def write_description(root: Path, **changed: Any) -> None:
    """``dataset.json`` as published, but for what is changed; None leaves a key out."""
    content = {
        "name": "Hippocampus",
        "tensorImageSize": "3D",
        "modality": {"0": "MRI"},
        "labels": {"0": "background", "1": "Anterior", "2": "Posterior"},
        **changed,
    }
    root.mkdir(parents=True, exist_ok=True)
    kept = {key: value for key, value in content.items() if value is not None}
    (root / "dataset.json").write_text(json.dumps(kept))
