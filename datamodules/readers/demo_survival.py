"""The demo of survival: bags of features drawn once into the cache, then read as any others."""

from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Literal

from datamodules.cases import CaseTable
from datamodules.errors import DataError
from datamodules.readers.build_once import build_once
from datamodules.readers.reader import ReaderSettings
from datamodules.readers.tile_features import FeaturesReader

VERSION = 1
"""Raised whenever the drawing changes: a cached demo is never of two versions."""
DRAWN = "The features are drawn by a program; there are no slides and no patients."


class DemoSurvivalReader(ReaderSettings):
    """Drawn features of tiles, and how long the patients lived; nothing to download.

    They are drawn at the first use into $LIGHTBOX_CACHE/demos (a second, 3 MB), in the layout of
    ready-made features. They are of no real person.
    """

    ids_are_file_names: ClassVar[bool] = True
    lists_features: ClassVar[bool] = True
    kind: Literal["demo-survival"] = "demo-survival"

    def existing_root(self) -> Path:
        """Draw the demo unless it is there.

        Raises:
            DataError: If the cache cannot be written, or if a root is given.
        """
        if self.root is not None:
            raise DataError(
                "a demo has no folder of its own to give; leave out --data.reader.root "
                "(LIGHTBOX_CACHE says where it is drawn)"
            )
        from datamodules.cache_entries import cache_root

        target = cache_root() / "demos" / f"survival-v{VERSION}"
        build_once(target, _draw)
        return target

    def list_cases(self) -> CaseTable:
        """List the drawn bags; see the base class."""
        reader = FeaturesReader(
            root=str(self.existing_root()),
            time_column="days",
            event_column="death",
            patient_column="patient",
            split_column="split",
            site_column="site",
            attribute_columns=("age", "sex"),
        )
        table = reader.read()
        notices = (*table.notices, DRAWN)
        return replace(table, name="demo-survival", public=True, notices=notices)


def _draw(folder: Path) -> None:
    from datamodules.demos.followed_tissue import draw_demo

    draw_demo(folder)
