"""``python -m experiments.benchmark``: time Lightbox beside its peers, and look at the goals."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datamodules.errors import ConfigError
from experiments.exit_codes import guarded
from experiments.suggestions import suggestion

if TYPE_CHECKING:
    from experiments.benchmarks.comparison import Comparison

SUBJECTS = {
    "xray": {
        "loader": "xray_loader",
        "step": "training_step",
        "metrics": "classification_metrics",
        "start": "start_up",
        "memory": "xray_worker_memory",
    },
    "segmenter": {
        "loader": "volume_loader",
        "preprocessing": "volume_preprocessing",
        "metrics": "segmentation_metrics",
        "window": "sliding_window",
        "memory": "volume_worker_memory",
    },
    "detector": {
        "loader": "box_loader",
        "metrics": "box_metrics",
    },
    "volume": {
        "checkpointing": "gradient_checkpointing",
    },
    "slides": {
        "reading": "slide_reading",
        "encoding": "slide_encoding",
    },
}
"""By task, modules of ``experiments.benchmarks`` by what they measure, as the table has them."""
GOAL_MISSED = 1


def main(argv: list[str] | None = None) -> int:
    """Carry out a command line; returns the exit code."""
    return guarded(lambda: _benchmark(_parser().parse_args(argv)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.benchmark",
        description="Measure Lightbox and its peers side by side on this machine, in about five"
        " minutes. Only ratios within one run mean something, and only if nothing else is running."
        " Everything is written to a temporary folder (set TMPDIR), and removed.",
        epilog="exit code 0: everything was measured; 1: with --strict, a goal is missed",
    )
    parser.add_argument("task", choices=list(SUBJECTS), help="whose benchmarks to run")
    parser.add_argument("--quick", action="store_true", help="smaller and once: about a minute")
    subjects = "; ".join(f"{task}: {','.join(names)}" for task, names in SUBJECTS.items())
    parser.add_argument("--only", metavar="A,B", help=f"some of the subjects ({subjects})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every measurement here")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a goal is missed")
    return parser


def _benchmark(arguments: argparse.Namespace) -> int:
    subjects = _chosen(arguments.task, arguments.only)
    if arguments.json is not None and not arguments.json.absolute().parent.is_dir():
        raise ConfigError(f"--json: there is no folder {arguments.json.absolute().parent}")
    from experiments.benchmarks.comparison import table
    from experiments.benchmarks.machine import describe_machine, machine_text
    from experiments.benchmarks.sizes import FULL, QUICK

    machine = describe_machine()
    print(machine_text(machine), file=sys.stderr)
    comparisons = measure(subjects, QUICK if arguments.quick else FULL)
    print(machine_text(machine), table(comparisons), sep="\n\n")
    if arguments.json is not None:
        _write(arguments.json, machine, comparisons, quick=arguments.quick)
    missed = not all(comparison.met for comparison in comparisons)
    return GOAL_MISSED if arguments.strict and missed else 0


def _chosen(task: str, only: str | None) -> list[str]:
    """Modules of the subjects that are asked for."""
    known = SUBJECTS[task]
    names = list(known) if only is None else only.split(",")
    for name in names:
        if name not in known:
            raise ConfigError(
                f"--only: there is no subject '{name}'{suggestion(name, known)}"
                f" (there are {', '.join(known)})"
            )
    return [known[name] for name in names]


def measure(subjects: list[str], sizes: Any) -> "list[Comparison]":  # noqa: ANN401 - Sizes, lazily
    """Measure subjects one after another, in a temporary folder that is removed."""
    from experiments.run_log import without_noise

    found: list[Comparison] = []
    with without_noise(), tempfile.TemporaryDirectory(prefix="lightbox-benchmark-") as place:
        for name in subjects:
            print(f"measuring: {name.replace('_', ' ')}", file=sys.stderr, flush=True)
            folder = Path(place) / name
            folder.mkdir()
            with _own_folders(folder):
                subject = import_module(f"experiments.benchmarks.{name}")
                found += subject.compare(sizes, folder)
    return found


@contextmanager
def _own_folders(folder: Path) -> Iterator[None]:
    """Runs and caches go to a folder of the benchmark."""
    before = dict(os.environ)
    os.environ.update(LIGHTBOX_RUNS=str(folder / "runs"), LIGHTBOX_CACHE=str(folder / "cache"))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _write(
    path: Path, machine: dict[str, Any], comparisons: "list[Comparison]", *, quick: bool
) -> None:
    from datamodules.whole_files import write_whole

    found = [comparison.to_dict() for comparison in comparisons]
    values = {"machine": machine, "quick": quick, "comparisons": found}
    try:
        write_whole(path, json.dumps(values, indent=2) + "\n")
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error
    print(f"written to {path}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
