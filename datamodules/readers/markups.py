"""3D Slicer: volumes and images, each with a JSON file of landmarks beside it."""

from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import model_validator

from datamodules.cases import Case, CaseTable
from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.case_list import CaseList
from datamodules.readers.column_roles import SPLITS
from datamodules.readers.file_templates import FileTemplate, template_fault
from datamodules.readers.folder_sides import Side, find_sides, share_ids
from datamodules.readers.markup_files import ENDING, FLAT, read_markups
from datamodules.readers.patient_ids import PatientPattern, find_patient, patient_notices
from datamodules.readers.point_list import PointList
from datamodules.readers.reader import ReaderSettings


class MarkupsReader(ReaderSettings):
    """Your own volumes or images with the markups of 3D Slicer (https://www.slicer.org).

    Expected under ``root``; names and folder can be set::

        a.nii.gz    a.mrk.json               one file of control points an image
        a/          a.mrk.json               or folders of DICOM files: image_name {id}/
        train/      val/    test/            an official split

    The label of a control point is the landmark. What is undefined or missing in Slicer is not
    marked. A flat image (PNG, JPEG, BMP, TIFF) is taken to have been shown with pixels of 1 mm, as
    Slicer does where the file declares no other.
    """

    ids_are_file_names: ClassVar[bool] = True
    kind: Literal["markups"] = "markups"
    images: str = "."
    """Folder of the images, relative to the root (or to a split folder); ``.`` is the root."""
    image_name: str = "{id}"
    """What images are called in their folder, ``{id}`` being the case: ``{id}_ct.nii.gz``, or
    ``{id}/`` for folders of DICOM files. Without an ending, any known one."""
    markups_name: str = "{id}"
    """What markups are called in the same folder: ``{id}_landmarks``; ``.mrk.json`` follows where
    it is not there."""
    points: tuple[str, ...] = ()
    """All landmarks in order: another one is refused; empty: those that occur."""
    patient_pattern: PatientPattern = None
    r"""Regular expression found in the id; its first group is the patient: ``^(p\d+)_``."""
    public_images: bool = False
    """Whether the images are public, so that Weights & Biases may show them unasked."""

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        texts = (self.image_name, self.markups_name)
        faults = [template_fault(text, ("id",), ("id",)) for text in texts]
        if len(set(self.points)) < len(self.points):
            faults.append("points names something twice")
        if found := [fault for fault in faults if fault]:
            raise ValueError("; ".join(found))
        return self

    def list_cases(self) -> CaseTable:
        """Pair images with markups; see the base class."""
        return _MarkedCases(self, self.existing_root()).table()


class _MarkedCases:
    """Looks through the folders of each side, and pairs what it finds."""

    def __init__(self, settings: MarkupsReader, root: Path) -> None:
        self.settings = settings
        self.cases = CaseList(root)
        self.points = PointList(self.cases, settings.points)
        self.image_template = FileTemplate(settings.image_name)
        self.markups_template = FileTemplate(settings.markups_name, endings=(ENDING,))

    def table(self) -> CaseTable:
        sides = find_sides(self.cases.root, self.settings.images, self.settings.images)
        for side in sides:
            side.look_through(
                self.cases.root, self.image_template, self.markups_template, self.cases
            )
        if not any(side.mask_paths for side in sides):
            raise DataError(
                f"no markups called {self.settings.markups_name}{ENDING} in {sides[0].images}/; "
                "--data.reader.images and --data.reader.markups-name say where they are and what "
                "they are called"
            )
        prefixed = share_ids(sides)
        for side in sides:
            self._add_side(side, prefixed)
        has_patients = self.settings.patient_pattern is not None
        return self.points.table(
            self.settings.kind,
            public=self.settings.public_images,
            has_patients=has_patients,
            notices=patient_notices(self.cases.patients) if has_patients else (),
        )

    def _add_side(self, side: Side, prefixed: bool) -> None:
        images = {name: paths[""] for name, paths in side.image_paths.items()}
        marked = {name: paths[""] for name, paths in side.mask_paths.items()}
        for name in sorted({*images} & {*marked}):
            case_id = f"{side.name}_{name}" if prefixed else name
            axes = 2 if images[name].lower().endswith(FLAT) else 3
            read_markups(self.cases, self.points, case_id, marked[name], axes)
            inputs = self.cases.images(case_id, {"image": images[name]})
            targets = self.points.targets(case_id, axes)
            split = SPLITS.get(side.name.lower())
            self.cases.add(
                Case(case_id, self._patient(name, case_id), inputs, targets, split=split)
            )
        for name in sorted({*marked} - {*images}):
            expected = self.image_template.fill(id=name)
            fault = f"there is no image for it ({side.images}/{expected})"
            self.cases.fault(Kind.MISSING, fault, where=marked[name])
        self.cases.left_out(f"Images in {side.images} without markups", len({*images} - {*marked}))

    def _patient(self, name: str, case_id: str) -> str:
        if self.settings.patient_pattern is None:
            return case_id
        patient = find_patient(self.settings.patient_pattern, name)
        if not patient:
            self.cases.fault(Kind.PATIENT, "the id does not match the patient pattern", case_id)
        return patient or case_id
