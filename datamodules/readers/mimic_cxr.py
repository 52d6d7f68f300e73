"""MIMIC-CXR-JPG: 377,110 chest films of 65,379 patients, fourteen observations from reports."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

from datamodules.cases import Case, CaseTable, Source
from datamodules.errors import DataError
from datamodules.problems import FaultyCasesError, Kind, Problem, Problems
from datamodules.readers.chexpert_labels import (
    OBSERVATIONS,
    BlankPolicies,
    ObservationCells,
    Observations,
    UncertainPolicies,
)
from datamodules.readers.image_files import ImageFiles, NoSuchFileError, hint_of_missing
from datamodules.readers.mimic_tables import (
    UNKNOWN_VIEW,
    Image,
    read_images,
    read_mimic_tables,
    rows_by,
)
from datamodules.readers.reader import ReaderSettings
from datamodules.readers.tables import Table

SPLITS = {"train": "train", "validate": "val", "test": "test"}
UNLABELLED: Observations = dict.fromkeys(OBSERVATIONS)


class MimicCxrReader(ReaderSettings):
    """MIMIC-CXR-JPG (Johnson et al., 2019), https://physionet.org/content/mimic-cxr-jpg/.

    Access is credentialed. Expected under ``root``; tables may be unzipped, and the split absent::

        mimic-cxr-2.0.0-metadata.csv.gz     dicom_id,subject_id,study_id,...,ViewPosition,...
        mimic-cxr-2.0.0-split.csv.gz        dicom_id,study_id,subject_id,split
        mimic-cxr-2.0.0-chexpert.csv.gz     subject_id,study_id, then fourteen observations
        files/p10/p10000032/s50414267/02aa804e-bde0afdd-112c0b34-7bc16630-4e384014.jpg

    Labels are of a study, and hold for each of its images. Dates are not kept. Age and sex are in
    MIMIC-IV, and not read.
    """

    folder: ClassVar[str] = "mimic-cxr"

    kind: Literal["mimic-cxr"] = "mimic-cxr"
    labeller: Literal["chexpert", "negbio"] = "chexpert"
    """Which program's labels to take, from the table of its name."""
    uncertain: UncertainPolicies = UncertainPolicies()
    """What a label of -1 (uncertain) counts as."""
    blank: BlankPolicies = BlankPolicies()
    """What a blank label (not mentioned in the report) counts as."""
    views: tuple[Literal["PA", "AP", "LATERAL", "LL", "unknown"], ...] = ("PA", "AP")
    """Which images to take, by ViewPosition (unknown: where it is blank); empty: all."""
    require_images: bool = True
    """Every image of these views must be there; off: list them without looking for images."""

    def list_cases(self) -> CaseTable:
        """List the images of the metadata table; see the base class."""
        root = self.existing_root()
        problems: Problems = []
        tables = read_mimic_tables(root, self.labeller, problems)
        return _MimicCases(self, root, problems).build(*tables)


class _MimicCases:
    """Joins the tables, and gathers everything that is wrong with them."""

    def __init__(self, settings: MimicCxrReader, root: Path, problems: Problems) -> None:
        self.settings = settings
        self.root = root
        self.problems = problems
        self.missing = 0
        self.notices: list[str] = []

    def build(self, metadata: Table, labels: Table, split: Table | None) -> CaseTable:
        images = self._wanted(metadata)
        paths, sides = self._paths(images), self._sides(split, images)
        observations = self._observations(labels, images)
        cases = tuple(
            Case(
                case_id=image.dicom,
                patient_id=image.subject,
                inputs={"image": Source(path)} if path else {},
                targets={"findings": observed},
                attributes={"view": None if image.view == UNKNOWN_VIEW else image.view},
                split=side,
                exam_id=image.study,
            )
            for image, path, observed, side in zip(images, paths, observations, sides, strict=True)
        )
        if self.problems:
            raise FaultyCasesError(
                f"problems in {metadata.path} and what belongs to it: {len(self.problems)}"
                + hint_of_missing(self.missing, len(images)),
                self.problems,
                self._table(cases) if cases else None,
            )
        return self._table(cases)

    def _table(self, cases: tuple[Case, ...]) -> CaseTable:
        return CaseTable(
            name=MimicCxrReader.folder,
            root=self.root,
            cases=cases,
            findings=OBSERVATIONS,
            notices=tuple(self.notices),
        )

    def _add(self, kind: Kind, where: str, image: Image, message: str) -> None:
        self.problems.append(Problem(kind, where, message, case_id=image.dicom))

    def _wanted(self, metadata: Table) -> list[Image]:
        """Images of the views asked for."""
        images, views = read_images(metadata, self.problems), self.settings.views
        wanted = [image for image in images if not views or image.view in views]
        if images and not wanted:
            there = ", ".join(sorted({image.view for image in images}))
            raise DataError(
                f"no image in {metadata.path} is of the views {', '.join(views)}; they are of "
                f"{there}: say which to take with --data.reader.views"
            )
        return wanted

    def _paths(self, images: Sequence[Image]) -> list[str]:
        """Where each image is; empty where it cannot be had."""
        if not self.settings.require_images:
            return [image.path for image in images]
        files, paths = ImageFiles(self.root), []
        for image in images:
            try:
                paths.append(files.check(image.path))
            except DataError as error:
                missing = isinstance(error, NoSuchFileError)
                kind = Kind.MISSING if missing else Kind.PATH
                self.missing += missing
                self._add(kind, f"metadata row {image.row}", image, error.message)
                paths.append("")
        return paths

    def _sides(self, split: Table | None, images: Sequence[Image]) -> list[str | None]:
        """Official side of each image."""
        if split is None:
            self.notices.append(
                "The table mimic-cxr-2.0.0-split.csv.gz is not there: the split is drawn, and "
                "figures do not compare with published ones."
            )
            return [None] * len(images)
        rows = rows_by(split, "dicom_id", self.problems)
        subjects, words = split.cells("subject_id"), split.cells("split")
        sides: list[str | None] = []
        for image in images:
            at = rows.get(image.dicom)
            side = None if at is None else SPLITS.get(words[at])
            where = f"{split.path} row {split.numbers[at]}" if at is not None else split.path
            if at is None:
                fault = f"there is no row of the image {image.dicom}"
                self._add(Kind.SPLIT, where, image, fault)
            elif side is None:
                fault = f"the split is '{words[at]}', not train, validate or test"
                self._add(Kind.SPLIT, where, image, fault)
            elif subjects[at] != image.subject:
                self._add(Kind.PATIENT, where, image, _other_subject(subjects[at], image))
            sides.append(side)
        return sides

    def _observations(self, labels: Table, images: Sequence[Image]) -> list[Observations]:
        """Labels of each image's study; not known where the table lacks the study."""
        rows = rows_by(labels, "study_id", self.problems)
        subjects = labels.cells("subject_id")
        cells = list(zip(*(labels.cells(name) for name in OBSERVATIONS), strict=True))
        reading = ObservationCells(self.settings.uncertain, self.settings.blank)
        observations: list[Observations] = []
        for image in images:
            at = rows.get(image.study)
            observed = UNLABELLED if at is None else reading.read(cells[at])
            where = "" if at is None else f"{labels.path} row {labels.numbers[at]}"
            if isinstance(observed, str):
                self._add(Kind.LABEL, where, image, observed)
                observed = {}
            if at is not None and subjects[at] != image.subject:
                self._add(Kind.PATIENT, where, image, _other_subject(subjects[at], image))
            observations.append(observed)
        if unlabelled := sum(image.study not in rows for image in images):
            self.notices.append(
                f"Images whose study is not in {labels.path}, so that no label is known: "
                f"{unlabelled:,}."
            )
        self.notices += reading.notices()
        return observations


def _other_subject(subject: str, image: Image) -> str:
    return f"the subject_id is {subject}; in the metadata, row {image.row}, it is {image.subject}"
