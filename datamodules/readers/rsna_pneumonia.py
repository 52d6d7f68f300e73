"""RSNA Pneumonia Detection Challenge 2018: 26,684 chest films with boxes of lung opacities."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from datamodules.cases import Case, CaseTable, Source
from datamodules.errors import DataError
from datamodules.problems import FaultyCasesError, Kind, Problem, Problems, problems_of
from datamodules.readers.image_files import ImageFiles, NoSuchFileError, hint_of_missing
from datamodules.readers.reader import ReaderSettings
from datamodules.readers.rsna_annotations import (
    CLASSES,
    LABEL_TABLE,
    OPACITY,
    Annotations,
    read_annotations,
)
from datamodules.readers.rsna_nih_mapping import MAPPING, PAGE, read_nih_patients

IMAGE_FOLDER = "stage_2_train_images"
WITHOUT_PATIENTS = (
    "The patientId of this dataset is an image's: one patient's images may be on two sides of the "
    f"split. With {MAPPING} (from {PAGE}) in the dataset's folder they are kept together."
)


class RsnaPneumoniaReader(ReaderSettings):
    """RSNA Pneumonia Detection Challenge 2018 (Shih et al., Radiology: AI 2019).

    From https://www.kaggle.com/c/rsna-pneumonia-detection-challenge. Expected under ``root``;
    tables may be gzipped::

        stage_2_train_labels.csv                 a row a box; with Target 0 a row without one
        stage_2_detailed_class_info.csv          one of three classes
        stage_2_train_images/<patientId>.dcm     1024 x 1024 pixels
        pneumonia-challenge-dataset-mappings_2018.json         optional: which image is whose

    A ``patientId`` here is an image's. The mapping, from
    https://www.rsna.org/rsnai/ai-image-challenge/rsna-pneumonia-detection-challenge-2018,
    names each image in NIH ChestX-ray14, and thereby the patient. A model of NIH ChestX-ray14 has
    seen these images: this is no external test for it. The images of stage_2_test_images have no
    published labels and are not read; nor are the DICOM headers, where age, sex and view stand.
    The split is drawn.
    """

    folder: ClassVar[str] = "rsna-pneumonia"

    kind: Literal["rsna-pneumonia"] = "rsna-pneumonia"
    labels: Literal["opacity", "classes"] = "opacity"
    """What is told apart: opacity or none, the challenge's Target; or the three classes."""
    finding: str = Field(default=OPACITY, min_length=1)
    """What the opacity is called as a finding, and in its boxes: Pneumonia, for example, where a
    model that was trained with that name is to be evaluated."""
    nih_mapping: str | None = None
    """The mapping to NIH ChestX-ray14, relative to the root; none: its published name, if there."""

    def list_cases(self) -> CaseTable:
        """List the images of the tables; see the base class."""
        return _RsnaCases(self, self.existing_root()).build()


class _RsnaCases:
    """Turns images into cases, and gathers everything that is wrong with them."""

    def __init__(self, settings: RsnaPneumoniaReader, root: Path) -> None:
        self.settings = settings
        self.root = root
        self.problems: Problems = []
        self.missing = 0

    def build(self) -> CaseTable:
        annotations = read_annotations(self.root, self.problems)
        paths = self._paths(annotations.places)
        patients = self._patients(annotations.places)
        cases = tuple(
            Case(
                case_id=image,
                patient_id=image if patients is None else patients.get(image, image),
                inputs={"image": Source(path)} if path else {},
                targets={} if image in annotations.faulty else self._targets(annotations, image),
            )
            for image, path in paths.items()
        )
        if self.problems:
            raise FaultyCasesError(
                f"problems in {LABEL_TABLE} and what belongs to it: {len(self.problems)}"
                + hint_of_missing(self.missing, len(cases)),
                self.problems,
                self._table(cases, patients is not None) if cases else None,
            )
        return self._table(cases, patients is not None)

    def _table(self, cases: tuple[Case, ...], has_patients: bool) -> CaseTable:
        return CaseTable(
            name=RsnaPneumoniaReader.folder,
            root=self.root,
            cases=cases,
            classes=CLASSES if self.settings.labels == "classes" else (),
            findings=(self.settings.finding,),
            objects=(self.settings.finding,),
            public=True,
            has_patients=has_patients,
            notices=() if has_patients else (WITHOUT_PATIENTS,),
        )

    def _targets(self, annotations: Annotations, image: str) -> dict[str, Any]:
        finding, boxes = self.settings.finding, annotations.boxes[image]
        targets: dict[str, Any] = {
            "findings": {finding: float(bool(boxes))},
            "boxes": [(finding, *box) for box in boxes],
        }
        if self.settings.labels == "classes":
            targets["class"] = annotations.classes[image]
        return targets

    def _paths(self, places: Mapping[str, str]) -> dict[str, str]:
        """Where each image is; empty where it cannot be had."""
        files, paths = ImageFiles(self.root), {}
        for image, place in places.items():
            try:
                paths[image] = files.check(f"{IMAGE_FOLDER}/{image}.dcm")
            except DataError as error:
                missing = isinstance(error, NoSuchFileError)
                self.missing += missing
                self._add(Kind.MISSING if missing else Kind.PATH, place, image, error.message)
                paths[image] = ""
        return paths

    def _patients(self, places: Mapping[str, str]) -> dict[str, str] | None:
        """Patient of each image that the mapping has; None without a mapping."""
        name = self.settings.nih_mapping
        if name is None and not (self.root / MAPPING).exists():
            return None
        try:
            patients = read_nih_patients(self.root, name or MAPPING, self.problems)
        except DataError as error:
            self.problems += problems_of(error)
            return None
        for image, place in places.items():
            if image not in patients:
                self._add(Kind.PATIENT, place, image, f"the image is not in {name or MAPPING}")
        return patients

    def _add(self, kind: Kind, place: str, image: str, message: str) -> None:
        self.problems.append(Problem(kind, f"{place}, {image}", message, case_id=image))
