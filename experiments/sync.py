"""``python -m experiments.sync``: upload runs that Weights & Biases has not seen to the end."""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from datamodules.errors import ConfigError
from experiments.exit_codes import guarded
from experiments.run_folder import RunFolder
from experiments.wandb_access import PROGRAM, check_reachable


def main(argv: list[str] | None = None) -> int:
    """Carry out a command line; returns the exit code."""
    return guarded(lambda: _sync(_parser().parse_args(argv)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.sync",
        description="Upload runs that were tracked offline, or whose end Weights & Biases missed."
        " Unlike `wandb sync` it sends no path of this machine.",
    )
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="a run folder")
    return parser


def _sync(arguments: argparse.Namespace) -> int:
    folders = [RunFolder.open(path) for path in arguments.runs]
    tracked = [(folder, _attempts(folder)) for folder in folders]
    check_reachable("sync", "try again from a machine with a network, such as a login node")
    return max([_upload(folder, attempts) for folder, attempts in tracked])


def _attempts(folder: RunFolder) -> Sequence[Path]:
    """What W&B kept of each attempt, in their order.

    Raises:
        ConfigError: If it kept nothing.
    """
    found = [file.parent for file in folder.path.glob("wandb/*run-*/*.wandb")]
    if not found:
        raise ConfigError(
            f"run {folder.name} was not tracked; start runs with --logging.wandb offline"
        )
    return sorted(found, key=lambda attempt: attempt.name.partition("run-")[2])


def _upload(folder: RunFolder, attempts: Sequence[Path]) -> int:
    from experiments.wandb_staging import make_link, remove_link

    make_link(folder)
    try:
        command = [sys.executable, "-m", "wandb", "sync", "--include-online", *map(str, attempts)]
        environment = {**os.environ, "WANDB_PROGRAM": PROGRAM, "WANDB_DIR": str(folder.path)}
        return subprocess.run(command, env=environment, check=False).returncode
    finally:
        remove_link(folder.status()["wandb_id"])


if __name__ == "__main__":
    sys.exit(main())
