"""Write report.html of a run again, from its folder alone."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from experiments.command_line import guarded
from experiments.run_folder import RunFolder, write_whole

PAGE = "report_page.html"


def main(argv: list[str] | None = None) -> int:
    """Carry out a command line; returns the exit code."""
    return guarded(lambda: _rebuild(_parser().parse_args(argv)))


def write_report(folder: RunFolder) -> None:
    """Write report.html, one self-contained page, from the files of an evaluated run.

    Raises:
        ConfigError: If the run has not come that far, or a file is damaged.
    """
    write_whole(folder.report_file, render(folder))


def render(folder: RunFolder, shared: Mapping[str, bytes] | None = None) -> str:
    """The page as HTML; everything that comes from data is escaped.

    Args:
        folder: An evaluated run.
        shared: As for :func:`experiments.report_content.build_content`.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from experiments.report_content import build_content

    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return pages.get_template(PAGE).render(report=build_content(folder, shared))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.report",
        description="Write report.html of a finished run again, from its folder alone.",
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="a finished run folder")
    return parser


def _rebuild(arguments: argparse.Namespace) -> int:
    folder = RunFolder.open(arguments.run)
    write_report(folder)
    print(folder.report_file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
