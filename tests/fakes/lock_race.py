"""Processes that want the same run folder at the same moment.

``python tests/fakes/lock_race.py FOLDER RACES RACERS`` prints a JSON line a race: how each ended.
They are forked, since a start of Python would take longer than the race.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from datamodules.errors import ConfigError
from experiments.run_folder import RunFolder

HEAD_START_SECONDS = 0.02
"""Until the first of them starts: enough to fork them all."""


def race(folder: RunFolder, start: float, result: int) -> None:
    """Take the run, and hold it until the others have tried too."""
    while time.monotonic() < start:
        pass
    try:
        with folder.locked():
            os.write(result, b"won\n")
            signal.pause()
    except ConfigError as error:
        os.write(result, b"refused\n" if "is in use by" in str(error) else b"failed\n")


def ends_of_a_race(folder: RunFolder, racers: int) -> list[str]:
    results, result = os.pipe()
    start = time.monotonic() + HEAD_START_SECONDS
    processes = []
    for _ in range(racers):
        if not (process := os.fork()):
            race(folder, start, result)
            os._exit(0)
        processes.append(process)
    with os.fdopen(results) as file:
        ends = [file.readline().strip() for _ in processes]
    os.close(result)
    for process in processes:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
    return ends


def main() -> None:
    folder, races, racers = RunFolder(Path(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3])
    for _ in range(races):
        print(json.dumps(ends_of_a_race(folder, racers)))


if __name__ == "__main__":
    main()
