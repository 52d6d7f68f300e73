"""Films and tables in the layout of NIH ChestX-ray14."""

from pathlib import Path

import cv2
import numpy as np
from fakes.films import draw_film

HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
BOX_HEADER = "Image Index,Finding Label,Bbox [x,y,w,h],,,"


def write(
    root: Path, patients: int = 12, seed: int = 0, *, lists: bool = True, films: int = 2
) -> Path:
    """Every third patient has a nodule; the last quarter of the patients is for testing."""
    folders = [root / "images_001" / "images", root / "images_002" / "images"]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    rng, rows, sides = np.random.default_rng(seed), [], {"train_val": [], "test": []}
    boxes = []
    for patient in range(1, patients + 1):
        nodule = patient % 3 == 0
        for film in range(films):
            name = f"{patient:08d}_{film:03d}.png"
            cv2.imwrite(str(folders[patient % 2] / name), draw_film(nodule, rng))
            findings = (
                "Effusion|Nodule" if nodule and film else "Nodule" if nodule else "No Finding"
            )
            age, sex = 30 + patient % 90, "MF"[patient % 2]
            rows.append(f"{name},{findings},{film},{patient},{age},{sex},PA,64,64,0.1,0.1")
            sides["test" if patient > 0.75 * patients else "train_val"].append(name)
            if nodule and not film:
                boxes.append(f"{name},Nodule,10.5,12,20,18.25")
    _write_lines(root / "Data_Entry_2017_v2020.csv", [HEADER, *rows])
    _write_lines(root / "BBox_List_2017.csv", [BOX_HEADER, *boxes])
    for side, names in sides.items() if lists else ():
        _write_lines(root / f"{side}_list.txt", names)
    return root


def edit(path: Path, old: str, new: str) -> None:
    """Replace a piece of a text file once; it must be there."""
    text = path.read_text()
    assert old in text, f"{old!r} is not in {path.name}"
    path.write_text(text.replace(old, new, 1))


def _write_lines(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines) + "\n")
