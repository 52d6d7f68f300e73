"""Runs that are carried out and summed up together: a sweep, or a cross-validation."""

import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from datamodules.whole_files import write_whole
from experiments.run_folder import RunFolder

INTERRUPTED = 130


class RunGroup(ABC):
    """A folder with the list of its runs.

    Args:
        path: An existing folder.
    """

    verb: ClassVar[str]
    """The command ``python -m experiments.VERB`` that knows ``--resume`` and ``--summary``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.runs_file = path / "runs.txt"
        self.array_script = path / "array.sh"
        self.summary_script = path / "summary.sh"
        self.summary_table = path / "summary.csv"

    @property
    def runs(self) -> list[RunFolder]:
        """Its runs, in their order."""
        return [RunFolder.open(Path(line)) for line in self.runs_file.read_text().splitlines()]

    @abstractmethod
    def about(self, run: RunFolder) -> str:
        """What sets a run apart from the others, for a person."""

    def list_runs(self, paths: Sequence[Path]) -> None:
        """Write down which runs belong to it."""
        write_whole(self.runs_file, "".join(f"{path}\n" for path in paths))


def carry_out(group: RunGroup) -> bool:
    """Go on with one run after another, each in a process of its own.

    One that fails does not end the rest.

    Returns:
        False if the user interrupted it.
    """
    runs = group.runs
    for number, run in enumerate(runs, start=1):
        if run.status()["state"] == "finished":
            continue
        print(f"run {number} of {len(runs)}: {group.about(run)}", flush=True)
        command = [sys.executable, "-m", "experiments.run", "--resume", str(run.path)]
        if subprocess.run(command, check=False).returncode in (INTERRUPTED, -2):
            again = f"python -m experiments.{group.verb} --resume {group.path}"
            print(f"go on with: {again}", file=sys.stderr)
            return False
    return True


def exit_code(group: RunGroup) -> int:
    """Exit code 0 when every run is finished, else 3."""
    return 0 if all(run.status()["state"] == "finished" for run in group.runs) else 3
