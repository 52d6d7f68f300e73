"""rows/<split>.json: what scoring left of each case, exactly, so that runs can be pooled."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datamodules.errors import ConfigError
from datamodules.whole_files import write_whole
from lightning_modules.base import Row


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as a JSON list, one a line; whole or not at all.

    Args:
        path: Its folder is made where it is missing.
        rows: Plain values. Arrays and tensors become lists; a number that is not finite is written
            as NaN or Infinity, which Python reads.

    Raises:
        ConfigError: If a row of a module of one's own holds something else.
    """
    lines = ",\n".join(json.dumps(row, default=_plain) for row in rows)
    write_whole(path, f"[\n{lines}\n]\n")


def read_rows(path: Path) -> list[Row]:
    """Read what :func:`write_rows` wrote.

    Raises:
        ConfigError: If there is no such file, or it is damaged.
    """
    try:
        rows: list[Row] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read {'/'.join(path.parts[-4:])}: {error}") from error
    return rows


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a module left in a row
    if hasattr(value, "tolist"):
        return value.tolist()
    raise ConfigError(
        f"score_case() leaves a {type(value).__name__} in its rows, which hold plain values only:"
        " numbers, texts, lists and dicts of them"
    )
