"""What MedMNIST v2 publishes: classes, counts and checksums of its twelve 2D and six 3D datasets.

Names and MD5 sums are those of the authors' package (medmnist 3.0.2), files those of
https://zenodo.org/records/10519652.

References:
    Yang et al., "MedMNIST v2", Scientific Data 10:41, 2023.
"""

from typing import Literal

from datamodules.readers.medmnist_2d import MEDMNIST_2D
from datamodules.readers.medmnist_3d import MEDMNIST_3D
from datamodules.readers.medmnist_dataset import MedMnist

DOWNLOAD_URL = "https://zenodo.org/records/10519652/files"

Flag = Literal[
    "pathmnist",
    "chestmnist",
    "dermamnist",
    "octmnist",
    "pneumoniamnist",
    "retinamnist",
    "breastmnist",
    "bloodmnist",
    "tissuemnist",
    "organamnist",
    "organcmnist",
    "organsmnist",
    "organmnist3d",
    "nodulemnist3d",
    "adrenalmnist3d",
    "fracturemnist3d",
    "vesselmnist3d",
    "synapsemnist3d",
]
Size = Literal[28, 64, 128, 224]
"""Pixels along each side; 128 and 224 of 2D datasets only."""

MEDMNIST: dict[str, MedMnist] = {**MEDMNIST_2D, **MEDMNIST_3D}


def file_name(flag: str, size: int) -> str:
    """Name of the published file."""
    return f"{flag}.npz" if size == 28 else f"{flag}_{size}.npz"
