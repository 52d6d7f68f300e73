"""Saves checkpoints without a pause, and is killed at random moments inside of it.

``python tests/fakes/killed_saves.py FOLDER KILLS`` prints a JSON line for each kill: the last value
known to be saved, that of the newest checkpoint, and whether a write was cut off. A process that
has imported torch forks the writers, which takes milliseconds where a start would take seconds.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402

from callbacks.checkpoint_files import (  # noqa: E402
    BEST,
    LAST,
    newest_readable,
    read_checkpoint,
    share,
    write_checkpoint,
)
from datamodules.whole_files import TEMPORARY, remove_unfinished  # noqa: E402

LONGEST_SECONDS = 0.25
BEST_EVERY = 3


def save_for_ever(folder: Path, value: int, report: int) -> None:
    """Each value is written as training does: every third as the best, which last.ckpt shares."""
    while True:
        value += 1
        checkpoint = {"state_dict": {"w": torch.full((512, 512), float(value))}}
        if value % BEST_EVERY:
            write_checkpoint(checkpoint, folder / LAST)
        else:
            write_checkpoint(checkpoint, folder / BEST)
            share(folder / BEST, folder / LAST)
        os.write(report, f"{value}\n".encode())


def kill_a_writer(folder: Path, value: int, seconds: float) -> int:
    """The last value that the writer reports to have saved, before it is killed."""
    reports, report = os.pipe()
    writer = os.fork()
    if not writer:
        save_for_ever(folder, value, report)
    os.close(report)
    time.sleep(seconds)
    os.kill(writer, signal.SIGKILL)
    os.waitpid(writer, 0)
    with os.fdopen(reports) as file:
        return int((file.read().split() or [value])[-1])


def value_of(path: Path) -> int:
    weights = read_checkpoint(path)["state_dict"]["w"]
    assert weights.unique().numel() == 1
    return int(weights[0, 0])


def main() -> None:
    folder, kills = Path(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(1)
    chance, value = random.Random(0), 0
    write_checkpoint({"state_dict": {"w": torch.zeros(512, 512)}}, folder / LAST)
    for _ in range(kills):
        saved = kill_a_writer(folder, value, chance.random() * LONGEST_SECONDS)
        cut_off = bool(list(folder.glob(f"*{TEMPORARY}"))) or not (folder / LAST).exists()
        remove_unfinished(folder)
        found = newest_readable(folder)
        assert found is not None
        value = value_of(found[0])
        best = value_of(folder / BEST) if (folder / BEST).exists() else 0
        print(json.dumps({"saved": saved, "found": value, "best": best, "cut_off": cut_off}))


if __name__ == "__main__":
    main()
