"""report.html: one self-contained page, from the files of a run folder alone."""

from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from datamodules.whole_files import write_whole
from experiments.reporting.content import build_content
from experiments.run_folder import RunFolder

PAGE = "page.html"


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
        shared: As for :func:`experiments.reporting.content.build_content`.
    """
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return pages.get_template(PAGE).render(report=build_content(folder, shared))
