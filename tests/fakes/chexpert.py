"""Films and tables in the layout of CheXpert-v1.0-small."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from fakes.films import draw_film
from fakes.xray_files import write_image

OBSERVATIONS = (
    "No Finding",
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
)
ABOUT = ("Sex", "Age", "Frontal/Lateral", "AP/PA")
RELEASE = "CheXpert-v1.0-small"
TOPS = {"train": f"{RELEASE}/", "valid": f"{RELEASE}/", "test": ""}
FIRST = {"train": 1, "valid": 64541, "test": 64741}


def write(root: Path, patients: int = 12, seed: int = 0, *, test: bool = False) -> Path:
    """Tables and films of ``patients`` training, 4 validation and, if asked for, 4 test patients.

    Every patient has a frontal film of one study; odd ones have a lateral film too, and every third
    a second study. The first four cells of a training study are, in turn, a cycle of 1.0, 0.0, -1.0
    and blank; No Finding is 1.0 or blank.
    """
    rng = np.random.default_rng(seed)
    for folder, number in {"train": patients, "valid": 4, "test": 4 * test}.items():
        rows = [
            row
            for patient in range(FIRST[folder], FIRST[folder] + number)
            for study in range(1, 2 + (folder == "train" and patient % 3 == 0))
            for row in _study(root, folder, patient, study, rng)
        ]
        if rows:
            columns = ("Path", *(ABOUT if folder != "test" else ()), *OBSERVATIONS)
            write_lines(root / f"{folder}.csv", [",".join(row) for row in (columns, *rows)])
    return root


def cells(folder: str, patient: int, study: int) -> tuple[str, ...]:
    """What the table says of a study, in the order of OBSERVATIONS."""
    if folder != "train":  # read by radiologists: all are known
        return tuple(("1.0", "0.0")[(patient + at) % 2] for at in range(len(OBSERVATIONS)))
    cycle = ("1.0", "0.0", "-1.0", "")
    labels = [cycle[(patient + study + at) % 4] for at in range(1, len(OBSERVATIONS))]
    return ("1.0" if patient % 4 == 0 else "", *labels)


def edit(path: Path, old: str, new: str) -> None:
    """Replace a piece of a text file once; it must be there."""
    text = path.read_text()
    assert old in text, f"{old!r} is not in {path.name}"
    path.write_text(text.replace(old, new, 1))


def write_lines(path: Path, lines: Sequence[str]) -> None:
    """A text file."""
    path.write_text("\n".join(lines) + "\n")


def _study(
    root: Path, folder: str, patient: int, study: int, rng: np.random.Generator
) -> list[tuple[str, ...]]:
    labels = cells(folder, patient, study)
    rows = []
    for view, plane in enumerate(("frontal", "lateral")[: 1 + patient % 2], start=1):
        path = f"{folder}/patient{patient:05d}/study{study}/view{view}_{plane}.jpg"
        write_image(root / path, draw_film(labels[4] == "1.0", rng), quality=90)
        sex, projection = ("Male", "Female")[patient % 2], "AP" if plane == "frontal" else ""
        about = (sex, str(30 + patient % 50), plane.title(), projection)
        rows.append((TOPS[folder] + path, *(about if folder != "test" else ()), *labels))
    return rows
