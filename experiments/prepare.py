"""``python -m experiments.prepare``: build the image cache ahead, list it, or clear it out."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from datamodules.errors import ConfigError
from experiments.command_line import parse_experiment
from experiments.exit_codes import guarded

if TYPE_CHECKING:
    from datamodules.base import TaskDataModule
    from datamodules.cache_entries import CacheEntry


def main(argv: list[str] | None = None) -> int:
    """Carry out a command line; returns the exit code."""
    return guarded(lambda: _prepare(sys.argv[1:] if argv is None else argv))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.prepare",
        usage="%(prog)s NAME|--config FILE|--resume RUN [settings] [options]",
        description="Preprocess every image of an experiment once, as its run would at its start:"
        " on a machine without a GPU, so that none waits. NAME, --config, --resume and settings are"
        " those of experiments.run. The cache is in $LIGHTBOX_CACHE, else ~/.cache/lightbox.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--copy-to",
        type=Path,
        metavar="FOLDER",
        help="also copy what the run reads there, such as a node's own disk; with LIGHTBOX_CACHE"
        " set to that folder the run finds it",
    )
    parser.add_argument(
        "--sheets",
        type=Path,
        metavar="FOLDER",
        help="of slides: draw there what counts as tissue, and where the tiles lie",
    )
    parser.add_argument("--list", action="store_true", help="list what the cache holds")
    parser.add_argument(
        "--prune",
        type=float,
        metavar="DAYS",
        help="remove what nobody has used for so many days, and what is damaged",
    )
    return parser


def _prepare(argv: Sequence[str]) -> int:
    arguments, words = _parser().parse_known_args(argv)
    if arguments.list or arguments.prune is not None:
        if words or (arguments.list and arguments.prune is not None):
            raise ConfigError("--list and --prune DAYS stand alone")
        return _list() if arguments.list else _prune(arguments.prune)
    experiment = parse_experiment(words, "prepared")
    if "SLURM_JOB_ID" in os.environ:
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # the warning of the time limit
    from experiments.run_log import logged_to
    from experiments.tasks import build_data

    with logged_to(None):
        data = build_data(experiment)
        data.check()
        if arguments.sheets is not None:  # first: they show why a slide is refused
            _draw(data, arguments.sheets)
        data.prepare()
        for line in data.prepared(arguments.copy_to):
            print(line)
    return 0


def _draw(data: "TaskDataModule", folder: Path) -> None:
    from experiments.overlays import write_picture

    drawn = 0
    for name, picture in data.sheets():
        write_picture(folder / f"{name}.png", picture)
        drawn += 1
    if not drawn:
        raise ConfigError("--sheets: nothing is drawn of this kind of data; slides are")
    print(f"{drawn} sheets: {folder}")


def _list() -> int:
    from datamodules.cache_entries import cache_root, list_entries
    from datamodules.feature_store import list_features

    entries = [*list_entries(), *list_features()]
    for entry in entries:
        print(_line(entry))
    print(f"{len(entries)} entries, {sum(e.gigabytes for e in entries):.2f} GB in {cache_root()}")
    return 0


def _prune(days: float) -> int:
    from datamodules.cache_entries import prune
    from datamodules.feature_store import prune_features

    if days < 0:
        raise ConfigError("--prune takes a number of days, 0 or more")
    removed = [*prune(days), *prune_features(days)]
    for entry in removed:
        print(f"removed {_line(entry)}")
    print(f"{len(removed)} entries removed, {sum(entry.gigabytes for entry in removed):.2f} GB")
    return 0


def _line(entry: "CacheEntry") -> str:
    name = f"{entry.dataset}/{entry.path.name[:8]}"
    if entry.damaged is not None:
        return f"{name:<40} damaged: {entry.damaged}"
    shape = " x ".join(map(str, entry.shape))
    unused = f"unused for {entry.unused_days:.1f} days"
    return f"{name:<40} {shape:<22} {entry.dtype:<7} {entry.gigabytes:8.2f} GB  {unused}"


if __name__ == "__main__":
    sys.exit(main())
