"""The demo datasets: drawn once into the cache, then read as any other dataset."""

from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import model_validator

from datamodules.cases import CaseTable
from datamodules.demos.candidates import as_candidates
from datamodules.errors import DataError
from datamodules.readers.boxes_csv import BoxesCsvReader
from datamodules.readers.build_once import build_once
from datamodules.readers.coco import CocoReader
from datamodules.readers.csv_table import CsvReader
from datamodules.readers.image_mask_folders import ImageMaskFoldersReader
from datamodules.readers.nih_chestxray14 import NihChestXray14Reader
from datamodules.readers.nnunet_raw import NnUnetRawReader
from datamodules.readers.points_csv import PointsCsvReader
from datamodules.readers.reader import ReaderSettings
from datamodules.readers.slides_csv import SlidesCsvReader

VERSION = 1
"""Raised whenever the drawing changes: a cached demo is never of two versions."""

PATIENT = r"^(p\d+)_"
SLICE_STRUCTURES = ("ventricle=1", "myocardium=2")
DRAWN = "The images are drawn by a program and show no patients."
PLANTED = (
    "A shortcut is planted: in training and validation nearly all films of patients with a nodule"
    " are portable (view AP) and hardly any other; in the test films the view says nothing."
)


class DemoReader(ReaderSettings):
    """Drawn images in a published layout; nothing to download.

    They are drawn at the first use into $LIGHTBOX_CACHE/demos (some 5 to 15 seconds; slides, of
    some 350 MB, take two minutes): films in the layout of NIH ChestX-ray14, slices in folders of
    images and masks, volumes in nnU-Net's raw format or listed in a table, as slides are; boxes in
    COCO's format, and in a table; landmarks in a table. They show no real person. All films of a
    patient count as one exam.
    """

    ids_are_file_names: ClassVar[bool] = True
    kind: Literal["demo"] = "demo"
    name: Literal[
        "xray",
        "xray-shortcut",
        "segmentation-2d",
        "segmentation-3d",
        "volume",
        "slide",
        "detection",
        "detection-3d",
        "landmarks",
    ] = "xray"
    """Which demo: xray, chest films in which some patients have a nodule; xray-shortcut, where
    the view tells who has one, in training only; segmentation-2d, slices through the heart with
    the left ventricle and its wall; segmentation-3d, volumes with a kidney and its tumour; volume,
    CT of a nodule in a lung, benign or malignant; slide, whole slides stained with H&E, normal or
    with tumour somewhere; detection, smears of blood with boxes around red cells, white cells and
    platelets; detection-3d, CT of a part of a lung with boxes around nodules; landmarks, chest
    films with twelve points."""
    candidates: bool = False
    """Of films: list candidates, each nodule, and as many places without one."""

    @model_validator(mode="after")
    def _candidates_are_of_films(self) -> Self:
        if self.candidates and not self._has_films:
            raise ValueError(f"the demo '{self.name}' has no candidates; xray has")
        return self

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
        """List the drawn images; see the base class."""
        root = self.existing_root()
        table = self._reader(str(root)).read()
        drawn = replace(
            table,
            name=f"demo-{self.name}",
            public=True,
            notices=(*table.notices, DRAWN, *(PLANTED,) * self._has_shortcut),
        )
        if not self._has_films:
            return drawn
        films = replace(
            drawn, cases=tuple(replace(case, exam_id=case.patient_id) for case in drawn.cases)
        )
        return as_candidates(films) if self.candidates else films

    @property
    def _has_films(self) -> bool:
        return self.name.startswith("xray")

    @property
    def _has_shortcut(self) -> bool:
        return self.name == "xray-shortcut"

    def _reader(self, root: str) -> ReaderSettings:
        if self.name == "segmentation-2d":
            return ImageMaskFoldersReader(
                root=root, structures=SLICE_STRUCTURES, patient_pattern=PATIENT
            )
        if self.name == "segmentation-3d":
            return NnUnetRawReader(root=root, patient_pattern=PATIENT)
        if self.name == "volume":
            return CsvReader(
                root=root,
                label_columns=("class",),
                classes=("benign", "malignant"),
                case_column="case",
                patient_column="patient",
                split_column="split",
                site_column="site",
                attribute_columns=("age", "sex"),
            )
        if self.name == "slide":
            return SlidesCsvReader(
                root=root,
                label_columns=("class",),
                classes=("normal", "tumour"),
                case_column="case",
                patient_column="patient",
                split_column="split",
                site_column="site",
                attribute_columns=("age", "sex"),
                regions_column="regions",
            )
        if self.name == "detection":
            return CocoReader(root=root, patient_pattern=PATIENT)
        if self.name == "detection-3d":
            return BoxesCsvReader(
                root=root,
                box_columns=("x_mm", "y_mm", "z_mm", "width_mm", "depth_mm", "height_mm"),
                box_space="ras-mm",
                patient_column="patient",
                split_column="split",
                site_column="site",
                attribute_columns=("age", "sex"),
            )
        if self.name == "landmarks":
            return PointsCsvReader(
                root=root,
                patient_column="patient",
                split_column="split",
                attribute_columns=("view", "age", "sex"),
            )
        return NihChestXray14Reader(root=root)

    def _draw(self, folder: Path) -> None:
        if self.name == "segmentation-2d":
            from datamodules.demos import heart_slices

            heart_slices.draw_demo(folder)
        elif self.name == "segmentation-3d":
            from datamodules.demos import kidney_volumes

            kidney_volumes.draw_demo(folder)
        elif self.name == "volume":
            from datamodules.demos import lung_nodules

            lung_nodules.draw_demo(folder)
        elif self.name == "slide":
            from datamodules.demos import slides

            slides.draw_demo(folder)
        elif self.name == "detection":
            from datamodules.demos import blood_smears

            blood_smears.draw_demo(folder)
        elif self.name == "detection-3d":
            from datamodules.demos import scattered_nodules

            scattered_nodules.draw_demo(folder)
        elif self.name == "landmarks":
            from datamodules.demos import landmarks

            landmarks.draw_demo(folder)
        else:
            from datamodules.demos.xray import draw_demo

            draw_demo(folder, shortcut=self._has_shortcut)
