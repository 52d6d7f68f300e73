"""JSON files of datasets: an object, or a DataError that says what there is instead."""

import json
from pathlib import Path
from typing import Any

from datamodules.cases import resolve
from datamodules.errors import DataError


def read_object(root: Path, relative: str) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        DataError: If the file is missing, damaged, or something else.
    """
    path = resolve(root, relative)
    if not path.is_file():
        raise DataError(f"there is no {relative} in the dataset's folder")
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{relative} is damaged: {error}; fetch or copy it again") from error
    if not isinstance(content, dict):
        raise DataError(f"{relative} is not a JSON object in curly brackets")
    return content
