"""``python -m experiments.dashboard``: lay out the Weights & Biases page of a project's runs."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from datamodules.errors import ConfigError
from experiments.configs.logging import LoggingConfig
from experiments.exit_codes import guarded
from experiments.reporting.figures import CAPTIONS, NOT_OF_CLASSIFIERS, WITH_IMAGES
from lightning_modules.configs.xray_classifier import XrayClassifierConfig

if TYPE_CHECKING:
    from wandb_workspaces.workspaces import Section, Workspace

NAME = "Lightbox"
STEP = "trainer/global_step"
MONITORED = XrayClassifierConfig().monitor
METRICS = (
    "auroc",
    "average_precision",
    "accuracy",
    "accuracy@operating_point",
    "sensitivity@operating_point",
    "specificity@operating_point",
    "ece",
)
"""What a classification is judged by, in the order of the page."""


@dataclass(frozen=True)
class Panel:
    """One logged value on the page: over steps, a bar a run, an image, or a table."""

    kind: Literal["line", "bar", "image", "table"]
    key: str


@dataclass(frozen=True)
class Part:
    """A section of the page, so many panels in a row."""

    title: str
    panels: tuple[Panel, ...]
    columns: int = 3


PARTS = (
    Part(
        "Overview",
        (
            Panel("line", f"val/{MONITORED}"),
            Panel("line", "val/auroc"),
            Panel("line", "train/loss"),
            Panel("bar", "test/auroc"),
            Panel("bar", "test/accuracy"),
            Panel("bar", "test/ece"),
        ),
    ),
    Part("Results with 95 % intervals", (Panel("table", "tables/results"),), columns=1),
    Part("Cases", (Panel("table", "tables/cases"),), columns=1),
    Part(
        "Figures",
        tuple(
            Panel("image", f"figures/{name}")
            for name in CAPTIONS
            if name not in (*WITH_IMAGES, *NOT_OF_CLASSIFIERS)
        ),
    ),
    Part(
        "Most confident mistakes",
        tuple(
            Panel("image", f"figures/{name}")
            for name in WITH_IMAGES
            if name not in NOT_OF_CLASSIFIERS
        ),
        columns=1,
    ),
    Part(
        "Validation",
        tuple(Panel("line", f"val/{name}") for name in (MONITORED, *METRICS[:3], "ece")),
    ),
    Part("Test", tuple(Panel("bar", f"test/{name}") for name in METRICS)),
    Part("Speed", (Panel("line", "train/cases_per_second"), Panel("line", "train/lr"))),
)
"""The page from top to bottom; what a run has not logged stays empty."""
COLUMNS = (
    f"val/{MONITORED}",
    *(f"test/auroc{suffix}" for suffix in ("", "_low", "_high")),
    *(f"test/{name}" for name in METRICS[1:]),
)
"""Columns of the list of runs."""


def main(argv: list[str] | None = None) -> int:
    """Carry out a command line; returns the exit code."""
    return guarded(lambda: _make(_parser().parse_args(argv)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.dashboard",
        description="Save a view of a project's runs in Weights & Biases: curves, final figures"
        " with intervals, cases and pictures, one section each. Each call makes a new view.",
    )
    project = LoggingConfig().project
    parser.add_argument("--project", default=project, help=f"project (default: {project})")
    parser.add_argument("--entity", help="team (default: your own)")
    parser.add_argument("--dry-run", action="store_true", help="print the sections, send nothing")
    return parser


def _make(arguments: argparse.Namespace) -> int:
    print(outline() if arguments.dry_run else _send(arguments.project, arguments.entity))
    return 0


def outline() -> str:
    """The page in words."""
    lines = [f"view '{NAME}', runs listed with {', '.join(COLUMNS)}"]
    for part in PARTS:
        lines.append(f"  {part.title}")
        lines += [f"    {panel.kind:<6}{panel.key}" for panel in part.panels]
    return "\n".join(lines)


def _send(project: str, entity: str | None) -> str:
    """Save the view, and return its address.

    Raises:
        ConfigError: If Weights & Biases cannot be reached, or refuses.
    """
    from experiments.wandb_access import check_reachable

    check_reachable("dashboard", "try again with a network, or look at it with --dry-run")
    import wandb
    from wandb.errors import Error
    from wandb.sdk.lib.service.service_connection import WandbApiFailedError

    try:
        owner = entity or wandb.Api().default_entity
        if owner is None:
            raise ConfigError("dashboard: your account has no default team; give --entity")
        address: str = workspace(owner, project).save().url
    except (Error, WandbApiFailedError, ValueError) as error:
        raise ConfigError(f"dashboard: Weights & Biases refused: {error}") from error
    return address


def workspace(entity: str, project: str) -> "Workspace":
    """The page as W&B's own library describes it; needs no network until it is saved.

    What is sent was checked against a server of our own that keeps what it receives
    (tests/fakes/wandb_server.py); how W&B's own pages draw it was not.
    """
    from wandb_workspaces.workspaces import RunsetSettings, Workspace, WorkspaceSettings

    return Workspace(
        entity=entity,
        project=project,
        name=NAME,
        sections=[_section(part) for part in PARTS],
        settings=WorkspaceSettings(x_axis=STEP),
        runset_settings=RunsetSettings(pinned_columns=[f"summary:{key}" for key in COLUMNS]),
    )


def _section(part: Part) -> "Section":
    from wandb_workspaces.workspaces import Section, SectionLayoutSettings, SectionPanelSettings

    rows = -(-len(part.panels) // part.columns)
    return Section(
        name=part.title,
        panels=_panels(part.panels),
        is_open=True,
        layout_settings=SectionLayoutSettings(columns=part.columns, rows=min(rows, 3)),
        panel_settings=SectionPanelSettings(x_axis=STEP),
    )


def _panels(panels: Sequence[Panel]) -> list[Any]:
    from wandb_workspaces.reports.v2.interface import (
        BarPlot,
        LinePlot,
        MediaBrowser,
        WeavePanelSummaryTable,
    )

    make = {
        "line": lambda key: LinePlot(title=key, x=STEP, y=[key]),
        "bar": lambda key: BarPlot(title=key, metrics=[key], orientation="v"),
        "image": lambda key: MediaBrowser(title=key, media_keys=[key], num_columns=1),
        "table": lambda key: WeavePanelSummaryTable(table_name=key),
    }
    return [make[panel.kind](panel.key) for panel in panels]


if __name__ == "__main__":
    sys.exit(main())
