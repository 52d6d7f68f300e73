"""Write report.html of a run again, from its folder alone."""

import argparse
import sys
from pathlib import Path

from experiments.exit_codes import guarded
from experiments.run_folder import RunFolder


def main(argv: list[str] | None = None) -> int:
    """Carry out a command line; returns the exit code."""
    return guarded(lambda: _rebuild(_parser().parse_args(argv)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.report",
        description="Write report.html of a finished run again, from its folder alone.",
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="a finished run folder")
    return parser


def _rebuild(arguments: argparse.Namespace) -> int:
    folder = RunFolder.open(arguments.run)
    from experiments.reporting.page import write_report

    write_report(folder)
    print(folder.report_file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
