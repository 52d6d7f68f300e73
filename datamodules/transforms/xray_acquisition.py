"""How a film was taken, as far as the header of a DICOM file says so."""

from pathlib import Path
from typing import NamedTuple

from pydicom import dcmread

from datamodules.transforms.xray_dicom import SPACINGS, spacing_mm
from datamodules.transforms.xray_reading import HEAD_BYTES

DICOM_AT, DICOM = 128, b"DICM"
VIEW = "ViewPosition"
VIEWS = frozenset({"AP", "PA", "LL", "RL", "RLD", "LLD", "RLO", "LLO"})
"""Defined terms (PS3.3 C.8.11.5.1.2). Another value is not taken, as it may hold anything."""


class Acquisition(NamedTuple):
    """What is known of how a film was taken.

    Attributes:
        spacing_mm: Distance of neighbouring ``(rows, columns)``, or None.
        view: A defined term of DICOM, such as PA, or None.
    """

    spacing_mm: tuple[float, float] | None = None
    view: str | None = None


def read_acquisition(path: Path) -> Acquisition:
    """Read the header of a film; nothing is known of a file that is no DICOM or cannot be read."""
    try:
        with path.open("rb") as file:
            if file.read(HEAD_BYTES)[DICOM_AT:] != DICOM:
                return Acquisition()
            file.seek(0)
            header = dcmread(file, stop_before_pixels=True, specific_tags=[*SPACINGS, VIEW])
        view = str(header.get(VIEW, "")).strip().upper()
        return Acquisition(spacing_mm(header), view if view in VIEWS else None)
    except Exception:  # damaged files make pydicom raise nearly every built-in exception
        return Acquisition()
