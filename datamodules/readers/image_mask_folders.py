"""Your own images with masks: a folder of each, whose files are paired by their names."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from datamodules.cases import Case, CaseTable, Source, Structure
from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.case_list import CaseList
from datamodules.readers.column_roles import SPLITS
from datamodules.readers.file_templates import FileTemplate, template_fault
from datamodules.readers.folder_sides import Side, find_sides, share_ids
from datamodules.readers.patient_ids import PatientPattern, find_patient, patient_notices
from datamodules.readers.reader import ReaderSettings
from datamodules.readers.structure_values import HIGHEST_VALUE, StructureTexts, parse_structures

ONLY_STRUCTURE = "foreground"
IMAGE = "image"


class ImageMaskFoldersReader(ReaderSettings):
    """Your own images and masks: PNG, JPEG, TIFF, NIfTI, NRRD, MHA, or folders of DICOM files.

    Expected under ``root``; names and folders can be set::

        images/a.png    masks/a.png                  one mask an image
        images/a.png    masks/heart/a.png            one folder a structure: they may overlap
        train/images/   train/masks/   test/...      an official split; or images/train/
    """

    ids_are_file_names: ClassVar[bool] = True
    kind: Literal["image-mask-folders"] = "image-mask-folders"
    images: str = "images"
    """Folder of the images, relative to the root (or to a split folder); ``.`` is the root."""
    masks: str = "masks"
    """Folder of the masks; it may be that of the images, where names tell them apart."""
    image_name: str = "{id}"
    """What images are called in their folder, ``{id}`` being the case: ``{id}.jpg``,
    ``{id}/t1.nii.gz``, ``{id}_{channel}`` for one file a channel, ``{id}/`` for folders of DICOM
    files. Without an ending, any known one."""
    mask_name: str = "{id}"
    """What masks are called: ``{id}_segmentation.png``, or ``{structure}/{id}`` for one file a
    structure, in which everything but 0 is inside."""
    channels: tuple[str, ...] = ()
    """What stands for ``{channel}``, in order (0000 0001); empty: all that there are, sorted."""
    structures: StructureTexts = ()
    """Structures and their values in the masks, in order: liver=1 tumour=2, or liver=1,2 tumour=2
    where they overlap; names alone with ``{structure}``. Empty: what ``{structure}`` names, or a
    single one, everything but 0."""
    ignore_value: int | None = Field(default=None, ge=1, le=HIGHEST_VALUE)
    """Value in the masks for what is not known; it counts neither in training nor in figures."""
    patient_pattern: PatientPattern = None
    r"""Regular expression found in the id; its first group is the patient: ``^(p\d+)_``."""
    public_images: bool = False
    """Whether the images are public, so that Weights & Biases may show them unasked."""

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        faults = [
            template_fault(self.image_name, ("id",), ("id", "channel")),
            template_fault(self.mask_name, ("id",), ("id", "structure")),
            self._structure_fault(),
        ]
        if self.channels and "{channel}" not in self.image_name:
            faults.append("channels are given, and image_name has no {channel}")
        if (self.images, self.image_name) == (self.masks, self.mask_name):
            faults.append("images and masks have one folder and one name; nothing tells them apart")
        if found := [fault for fault in faults if fault]:
            raise ValueError("; ".join(found))
        return self

    def list_cases(self) -> CaseTable:
        """Pair images with masks; see the base class."""
        root = self.existing_root()
        return _PairedCases(self, root).table()

    @property
    def separate(self) -> bool:
        """Whether each structure has a file of its own, or there is but one structure."""
        return not any(structure.values for structure in parse_structures(self.structures))

    def _structure_fault(self) -> str | None:
        named, many = parse_structures(self.structures), "{structure}" in self.mask_name
        if many and not self.separate:
            return "with {structure} in mask_name each structure has a file, and no values"
        if len(named) > 1 and self.separate and not many:
            return f"structures need their values, such as {named[0].name}=1"
        if self.ignore_value is not None and self.separate:
            return "ignore_value needs structures with values"
        return None


class _PairedCases:
    """Looks through the folders of each side, and pairs what it finds."""

    def __init__(self, settings: ImageMaskFoldersReader, root: Path) -> None:
        self.settings = settings
        self.root = root
        self.cases = CaseList(root)
        self.structures = parse_structures(settings.structures)
        self.image_template = FileTemplate(settings.image_name, {"channel": settings.channels})
        names = [structure.name for structure in self.structures]
        self.mask_template = FileTemplate(settings.mask_name, {"structure": names})

    def table(self) -> CaseTable:
        sides = find_sides(self.root, self.settings.images, self.settings.masks)
        for side in sides:
            side.look_through(self.root, self.image_template, self.mask_template, self.cases)
        self._refuse_none(sides)
        self.structures = self.structures or _structures_of(sides)
        prefixed = share_ids(sides)
        for side in sides:
            self._add_side(side, prefixed)
        has_patients = self.settings.patient_pattern is not None
        return self.cases.table(
            self.settings.kind,
            structures=self.structures,
            ignore_value=self.settings.ignore_value,
            public=self.settings.public_images,
            has_patients=has_patients,
            notices=patient_notices(self.cases.patients) if has_patients else (),
        )

    def _refuse_none(self, sides: Sequence[Side]) -> None:
        found = {
            "image": ([side.image_paths for side in sides], sides[0].images),
            "mask": ([side.mask_paths for side in sides], sides[0].masks),
        }
        for what, (paths, folder) in found.items():
            name = self.settings.image_name if what == "image" else self.settings.mask_name
            if not any(paths):
                raise DataError(
                    f"no {what}s called {name} in {folder}/; --data.reader.{what}s and "
                    f"--data.reader.{what}-name say where they are and what they are called"
                )

    def _add_side(self, side: Side, prefixed: bool) -> None:
        if not side.mask_paths:
            what = f"Images in {side.images}, of which there are no masks"
            self.cases.left_out(what, len(side.image_paths))
            return
        channels = self.settings.channels or side.channels
        for name in sorted(side.image_paths):
            case_id = f"{side.name}_{name}" if prefixed else name
            inputs = self._inputs(side, name, case_id, channels)
            patient = self._patient(name, case_id)
            targets = self._targets(side, name, case_id)
            split = SPLITS.get(side.name.lower())
            self.cases.add(Case(case_id, patient, inputs, targets, split=split))
        for name in sorted(set(side.mask_paths) - set(side.image_paths)):
            expected = f"{side.images}/{self.image_template.fill(id=name)}"
            where = next(iter(side.mask_paths[name].values()))
            self.cases.fault(Kind.MISSING, f"there is no image for it ({expected})", where=where)

    def _inputs(
        self, side: Side, name: str, case_id: str, channels: Sequence[str]
    ) -> dict[str, Source]:
        there = side.image_paths[name]
        for channel in channels:
            if channel not in there:
                expected = self.image_template.fill(id=name, channel=channel)
                fault = f"there is no channel {channel} ({side.images}/{expected})"
                self.cases.fault(Kind.MISSING, fault, case_id)
        paths = {each or IMAGE: there[each] for each in channels if each in there}
        return self.cases.images(case_id, paths)

    def _targets(self, side: Side, name: str, case_id: str) -> dict[str, Any]:
        there, names = side.mask_paths.get(name, {}), [each.name for each in self.structures]
        parts = names if "{structure}" in self.settings.mask_name else [""]
        absent = [part for part in parts if part not in there]
        for part in absent:
            expected = f"{side.masks}/{self.mask_template.fill(id=name, structure=part)}"
            self.cases.fault(Kind.LABEL, f"there is no mask for it ({expected})", case_id)
        if absent:
            return {}
        if not self.settings.separate:
            return self.cases.mask(case_id, there[""])
        paths = dict(zip(names, (there[part] for part in parts), strict=True))
        return self.cases.separate_masks(case_id, paths)

    def _patient(self, name: str, case_id: str) -> str:
        if self.settings.patient_pattern is None:
            return case_id
        patient = find_patient(self.settings.patient_pattern, name)
        if not patient:
            self.cases.fault(Kind.PATIENT, "the id does not match the patient pattern", case_id)
        return patient or case_id


def _structures_of(sides: Sequence[Side]) -> tuple[Structure, ...]:
    parts = {part for side in sides for paths in side.mask_paths.values() for part in paths}
    return tuple(Structure(part or ONLY_STRUCTURE) for part in sorted(parts))
