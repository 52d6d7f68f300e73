"""Reads the file of an offline W&B run: a LevelDB log of protobuf records."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wandb.proto.wandb_internal_pb2 import Record

HEADER, BLOCK, CHUNK_HEADER = 7, 32 * 1024, 7
FULL, FIRST, LAST = 1, 2, 4


def records(run: Path) -> Iterator[Record]:
    """Records of every ``*.wandb`` under a folder, in order."""
    for path in sorted(run.rglob("*.wandb")):
        yield from map(Record.FromString, _messages(path.read_bytes()))


def wait_until_whole(run: Path, seconds: float = 60) -> None:
    """W&B writes the end of the file in the background after ``finish()`` has returned."""
    until = time.monotonic() + seconds
    while not any(record.HasField("exit") for record in records(run)):
        if time.monotonic() > until:
            raise TimeoutError(f"no end of the W&B run in {run} after {seconds:.0f} s")
        time.sleep(0.05)


def _messages(data: bytes) -> Iterator[bytes]:
    at, message = HEADER, b""
    while at + CHUNK_HEADER <= len(data):
        left = BLOCK - at % BLOCK
        if left < CHUNK_HEADER:
            at += left
            continue
        length, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        at += CHUNK_HEADER
        if at + length > len(data):  # still being written
            return
        message = (b"" if kind in (FULL, FIRST) else message) + data[at : at + length]
        at += length
        if kind in (FULL, LAST):
            yield message


def history(run: Path) -> list[dict[str, Any]]:
    """Logged rows."""
    rows = [record.history.item for record in records(run) if record.HasField("history")]
    return [{_key(item): json.loads(item.value_json) for item in row} for row in rows]


def summary(run: Path) -> dict[str, Any]:
    """The last value of every summary key."""
    found: dict[str, Any] = {}
    for record in records(run):
        for item in record.summary.update:
            found[_key(item)] = json.loads(item.value_json)
    return found


def config(run: Path) -> dict[str, Any]:
    """The run's configuration."""
    found: dict[str, Any] = {}
    for record in records(run):
        if record.HasField("run"):
            found |= {item.key: json.loads(item.value_json) for item in record.run.config.update}
    return found


def metrics(run: Path) -> dict[str, Any]:
    """How logged values were defined, by name; of a pattern under the pattern."""
    found = [record.metric for record in records(run) if record.HasField("metric")]
    return {metric.name or metric.glob_name: metric for metric in found}


def _key(item: Any) -> str:
    return "/".join(item.nested_key) or str(item.key)
