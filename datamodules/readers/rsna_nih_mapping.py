"""The RSNA challenge's mapping to NIH ChestX-ray14: which of its images are of one patient."""

import json
import re
from pathlib import Path

from datamodules.cases import resolve
from datamodules.errors import DataError
from datamodules.problems import Kind, Problem, Problems

MAPPING = "pneumonia-challenge-dataset-mappings_2018.json"
PAGE = "https://www.rsna.org/rsnai/ai-image-challenge/rsna-pneumonia-detection-challenge-2018"

_NIH_IMAGE = re.compile(r"(\d+)_\d+(\.png)?")


def read_nih_patients(root: Path, relative: str, problems: Problems) -> dict[str, str]:
    """Patient number in NIH ChestX-ray14 of each image, by its ``patientId`` in the challenge.

    Args:
        root: Folder of the dataset.
        relative: Path of the JSON in it: a list of objects with ``img_id``, the name of the image
            in NIH ChestX-ray14, and ``subset_img_id``, the challenge's ``patientId``.
        problems: Receives one for each entry that cannot be used.

    Raises:
        DataError: If the file is missing, damaged, or something else.
    """
    path = resolve(root, relative)
    if not path.is_file():
        raise DataError(f"the mapping {relative} is not in the dataset's folder")
    try:
        entries = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{relative} is damaged: {error}; get it from {PAGE}") from error
    if not isinstance(entries, list) or not entries:
        raise DataError(f"{relative} is not a list of images; get it from {PAGE}")
    patients: dict[str, str] = {}
    for number, entry in enumerate(entries, start=1):
        pair = _parse_entry(entry)
        if isinstance(pair, tuple) and patients.setdefault(*pair) != pair[1]:
            pair = f"'{pair[0]}' has another patient above"
        if isinstance(pair, str):
            problems.append(Problem(Kind.PATIENT, f"{relative}, entry {number}", pair))
    return patients


def _parse_entry(entry: object) -> tuple[str, str] | str:
    named = entry if isinstance(entry, dict) else {}
    image, nih_image = named.get("subset_img_id"), named.get("img_id")
    if not isinstance(image, str) or not isinstance(nih_image, str):
        return "it has no text under subset_img_id and img_id"
    match = _NIH_IMAGE.fullmatch(nih_image)
    if match is None:
        return f"'{nih_image}' is no image name of NIH ChestX-ray14, such as 00000001_000.png"
    return image, match[1].lstrip("0") or "0"
