"""The Medical Segmentation Decathlon, and data of one's own that is laid out like it."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Literal, Self

from pydantic import model_validator

from datamodules.cases import Case, CaseTable, Structure
from datamodules.errors import DataError
from datamodules.problems import FaultyCasesError, Kind
from datamodules.readers.case_list import CaseList
from datamodules.readers.file_templates import without_ending
from datamodules.readers.image_mask_folders import ImageMaskFoldersReader
from datamodules.readers.json_files import read_object
from datamodules.readers.msd_tasks import TASKS, Task
from datamodules.readers.patient_ids import PatientPattern, find_patient, patient_notices
from datamodules.readers.reader import ReaderSettings
from datamodules.readers.structure_values import StructureTexts, parse_structures

DATASET_FILE = "dataset.json"
WITHOUT_DATASET_FILE = (
    f"There is no {DATASET_FILE}: images and masks are paired by their names, and the values of "
    "the masks are taken to be the published ones."
)


class MsdReader(ReaderSettings):
    """Medical Segmentation Decathlon (Antonelli et al., 2022), http://medicaldecathlon.com.

    Expected under ``root``, or in $LIGHTBOX_DATA under the folder's or the task's name::

        dataset.json          labels, and which mask belongs to which image
        imagesTr/hippocampus_001.nii.gz      labelsTr/hippocampus_001.nii.gz

    Without ``dataset.json`` the masks of ``labelsTr`` (or ``labels``) belong to the images of the
    same names in ``imagesTr`` (or ``images``). A fourth axis of an image has its channels. The test
    images have no published masks and are left out. The datasets do not say which images are of
    one patient; there is no official division of the others.
    """

    ids_are_file_names: ClassVar[bool] = True
    kind: Literal["msd"] = "msd"
    task: Task | None = None
    """Which of the ten; none: data of your own in this layout, as its dataset.json says."""
    structures: StructureTexts = ()
    """Structures in place of the labels of dataset.json, which may overlap: liver=1,2 cancer=2."""
    patient_pattern: PatientPattern = None
    r"""Regular expression found in the id; its first group is the patient: ``^(p\d+)_``."""

    @model_validator(mode="after")
    def _structures_have_values(self) -> Self:
        named = parse_structures(self.structures)
        if named and not named[0].values:
            raise ValueError(f"structures need their values, such as {named[0].name}=1")
        return self

    def existing_root(self) -> Path:
        """The folder of the task; see the base class."""
        if self.root is not None or self.task is None:
            return super().existing_root()
        base, folder = os.environ.get("LIGHTBOX_DATA"), TASKS[self.task].folder
        for name in (folder, f"msd/{folder}", self.task):
            if base and (Path(base).expanduser() / name).is_dir():
                return Path(base).expanduser() / name
        raise DataError(
            f"there is no folder {folder} or {self.task} in $LIGHTBOX_DATA; set that to the folder "
            "they lie in, or give --data.reader.root DIR"
        )

    def list_cases(self) -> CaseTable:
        """List the training images; see the base class."""
        root = self.existing_root()
        if (root / DATASET_FILE).is_file() or self.task is None:
            return self._listed(root)
        return self._paired(root, TASKS[self.task].structures)

    def _listed(self, root: Path) -> CaseTable:
        content, cases = read_object(root, DATASET_FILE), CaseList(root)
        structures = parse_structures(self.structures) or _structures(content, cases)
        for image, mask in _pairs(content, cases):
            name = without_ending(PurePosixPath(image).name)
            patient = self._patient(name, cases)
            inputs = cases.images(name, {"image": image})
            cases.add(Case(name, patient, inputs, cases.mask(name, mask)))
        tests = content.get("test")
        without = len(tests) if isinstance(tests, list) else 0
        cases.left_out("Test images, which have no published masks", without)
        return self._named(
            cases.table(
                self.kind,
                structures=structures,
                has_patients=self.patient_pattern is not None,
                notices=patient_notices(cases.patients) if self.patient_pattern else (),
            )
        )

    def _patient(self, name: str, cases: CaseList) -> str:
        patient = find_patient(self.patient_pattern, name) if self.patient_pattern else name
        if not patient:
            cases.fault(Kind.PATIENT, "the id does not match the patient pattern", name)
        return patient or name

    def _paired(self, root: Path, published: tuple[Structure, ...]) -> CaseTable:
        names = [("images", "labels"), ("imagesTr", "labelsTr")]
        images, masks = next((pair for pair in names if (root / pair[0]).is_dir()), names[1])
        texts = tuple(f"{each.name}={','.join(map(str, each.values))}" for each in published)
        folders = ImageMaskFoldersReader(
            root=str(root),
            images=images,
            masks=masks,
            structures=self.structures or texts,
            patient_pattern=self.patient_pattern,
        )
        try:
            table = folders.list_cases()
        except FaultyCasesError as error:
            rest = None if error.rest is None else self._named(error.rest)
            raise FaultyCasesError(error.message, error.found, rest) from error
        return replace(self._named(table), notices=(WITHOUT_DATASET_FILE, *table.notices))

    def _named(self, table: CaseTable) -> CaseTable:
        return replace(table, name=self.task or self.kind, public=self.task is not None)


def _structures(content: Mapping[str, Any], cases: CaseList) -> tuple[Structure, ...]:
    """``{"0": "background", "1": "Anterior"}`` without the background, by value."""
    labels = content.get("labels")
    if not isinstance(labels, dict) or not all(isinstance(name, str) for name in labels.values()):
        hint = "; --data.reader.kind nnunet-raw reads the labels of nnU-Net 2"
        cases.fault(
            Kind.LAYOUT,
            "labels is not of the form {'0': 'background', '1': 'liver'}"
            + (hint if "channel_names" in content else ""),
            where=DATASET_FILE,
        )
        return ()
    if odd := [value for value in labels if not value.isdecimal()]:
        fault = f"the label '{odd[0]}' is no whole number"
        cases.fault(Kind.LABEL, fault, where=DATASET_FILE)
    values = sorted((int(value), name) for value, name in labels.items() if value.isdecimal())
    return tuple(Structure(name, (value,)) for value, name in values if value)


def _pairs(content: Mapping[str, Any], cases: CaseList) -> Iterator[tuple[str, str]]:
    """Image and mask of each entry of the training list."""
    entries = content.get("training")
    if not isinstance(entries, list) or not entries:
        fault = "training is not a list of images with their masks, [{'image': ..., 'label': ...}]"
        cases.fault(Kind.LAYOUT, fault, where=DATASET_FILE)
        return
    for number, entry in enumerate(entries, start=1):
        named = entry if isinstance(entry, dict) else {}
        image, mask = named.get("image"), named.get("label")
        if isinstance(image, str) and isinstance(mask, str):
            yield image, mask
        else:
            fault = "it has no text under image and label"
            cases.fault(Kind.LAYOUT, fault, where=f"{DATASET_FILE}, training entry {number}")
