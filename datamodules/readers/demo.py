"""The demo datasets: drawn once into the cache, then read as any other dataset."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

from datamodules.cases import CaseTable
from datamodules.demos.candidates import as_candidates
from datamodules.errors import DataError
from datamodules.readers.build_once import build_once
from datamodules.readers.nih_chestxray14 import NihChestXray14Reader
from datamodules.readers.reader import ReaderSettings

VERSION = 1
"""Raised whenever the drawing changes: a cached demo is never of two versions."""

DRAWN = "The images are drawn by a program and show no patients."
PLANTED = (
    "A shortcut is planted: in training and validation nearly all films of patients with a nodule"
    " are portable (view AP) and hardly any other; in the test films the view says nothing."
)


class DemoReader(ReaderSettings):
    """Drawn images in a published layout; nothing to download.

    The films are drawn at the first use into $LIGHTBOX_CACHE/demos (about 15 seconds), in the
    layout of NIH ChestX-ray14. They show no real person. All films of a patient count as one exam.
    """

    kind: Literal["demo"] = "demo"
    name: Literal["xray", "xray-shortcut"] = "xray"
    """Which demo: xray, chest films in which some patients have a nodule; or xray-shortcut, where
    the view tells who has one, in training only."""
    candidates: bool = False
    """List candidates and not films: each nodule, and as many places without one."""

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

        target = cache_root() / "demos" / f"{self.name}-v{VERSION}"
        build_once(target, self._draw)
        return target

    def list_cases(self) -> CaseTable:
        """List the drawn films; see the base class."""
        table = NihChestXray14Reader(root=str(self.existing_root())).read()
        films = CaseTable(
            name=f"demo-{self.name}",
            root=table.root,
            cases=tuple(replace(case, exam_id=case.patient_id) for case in table.cases),
            findings=table.findings,
            public=True,
            notices=(*table.notices, DRAWN, *(PLANTED,) * self._has_shortcut),
        )
        return as_candidates(films) if self.candidates else films

    @property
    def _has_shortcut(self) -> bool:
        return self.name == "xray-shortcut"

    def _draw(self, folder: Path) -> None:
        from datamodules.demos.xray import draw_demo

        draw_demo(folder, shortcut=self._has_shortcut)
