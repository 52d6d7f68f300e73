"""Datasets in nnU-Net's raw format, version 2: one file a channel, labels or regions."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from datamodules.cases import Case, CaseTable, Source
from datamodules.errors import DataError
from datamodules.problems import FaultyCasesError, Kind
from datamodules.readers.case_list import CaseList
from datamodules.readers.file_templates import FileTemplate, walk
from datamodules.readers.json_files import read_object
from datamodules.readers.nnunet_labels import NnUnetLabels, read_labels
from datamodules.readers.patient_ids import PatientPattern, find_patient, patient_notices
from datamodules.readers.reader import ReaderSettings

DATASET_FILE = "dataset.json"
NATURAL_ENDINGS = (".png", ".bmp", ".tif", ".tiff", ".jpg", ".jpeg")


class NnUnetRawReader(ReaderSettings):
    """nnU-Net's raw format, version 2 (Isensee et al., 2021), https://github.com/MIC-DKFZ/nnUNet.

    Expected under ``root``, which is the folder ``DatasetNNN_Name``::

        dataset.json                       channel_names, labels, file_ending
        imagesTr/a_0000.nii.gz             a_0001.nii.gz is its second channel
        labelsTr/a.nii.gz
        imagesTs/b_0000.nii.gz             labelsTs/b.nii.gz: the official test split

    Labels that are lists of values are regions: structures that may overlap. The label ``ignore``
    is what is not known. Images of imagesTs without masks are left out. A ``dataset`` in
    dataset.json that names files elsewhere is read too. The format does not say which images are
    of one patient.
    """

    ids_are_file_names: ClassVar[bool] = True
    kind: Literal["nnunet-raw"] = "nnunet-raw"
    patient_pattern: PatientPattern = None
    r"""Regular expression found in the id; its first group is the patient: ``^(p\d+)_``."""
    public_images: bool = False
    """Whether the images are public, so that Weights & Biases may show them unasked."""

    def list_cases(self) -> CaseTable:
        """List the images of both folders; see the base class."""
        root = self.existing_root()
        content = read_object(root, DATASET_FILE)
        return _RawCases(self, root, content).table()


class _RawCases:
    """Finds the files of each case, and gathers what is wrong."""

    def __init__(self, settings: NnUnetRawReader, root: Path, content: dict[str, Any]) -> None:
        self.settings = settings
        self.root = root
        self.cases = CaseList(root)
        self.labels, self.channels, self.ending = _read_settings(content, self.cases)
        self.listed = content.get("dataset")

    def table(self) -> CaseTable:
        if isinstance(self.listed, dict):
            for name, files in self.listed.items():
                self._add_listed(name, files)
        else:
            tested = self._files("labelsTs", FileTemplate("{id}" + self.ending))
            self._add_side("Tr", "train_val" if tested else None)
            self._add_side("Ts", "test")
        return self.cases.table(
            self.root.name,
            structures=self.labels.structures,
            ignore_value=self.labels.ignore_value,
            public=self.settings.public_images,
            has_patients=self.settings.patient_pattern is not None,
            notices=patient_notices(self.cases.patients) if self.settings.patient_pattern else (),
        )

    def _add_side(self, side: str, split: str | None) -> None:
        images = self._files(f"images{side}", FileTemplate("{id}_{channel}" + self.ending))
        masks = self._files(f"labels{side}", FileTemplate("{id}" + self.ending))
        if not images and side == "Tr":
            raise DataError(f"no images in imagesTr/ that are called CASE_0000{self.ending}")
        if side == "Ts" and not masks:
            self.cases.left_out("Test images without masks", len(images))
            return
        for name in sorted(set(masks) - set(images)):
            fault = f"there is no image for it (images{side}/{name}_0000{self.ending})"
            self.cases.fault(Kind.MISSING, fault, where=masks[name][""])
        for name, paths in sorted(images.items()):
            inputs = self._inputs(name, f"images{side}", paths)
            mask = masks.get(name, {}).get("", f"labels{side}/{name}{self.ending}")
            self._add(name, inputs, mask, split)

    def _files(self, folder: str, template: FileTemplate) -> dict[str, dict[str, str]]:
        """Paths by id and channel."""
        found: dict[str, dict[str, str]] = {}
        for inner in walk(self.root, folder) if (self.root / folder).is_dir() else ():
            if fields := template.match(inner):
                paths = found.setdefault(fields["id"], {})
                paths[fields.get("channel") or ""] = f"{folder}/{inner}"
        return found

    def _inputs(self, name: str, folder: str, paths: Mapping[str, str]) -> dict[str, Source]:
        if list(paths) == ["0000"] and self.ending.lower() in NATURAL_ENDINGS:
            return self.cases.images(name, {"image": paths["0000"]})  # colours are in one file
        numbers = [f"{at:04d}" for at in range(len(self.channels))]
        for number in sorted(set(paths) - set(numbers)):
            fault = f"{paths[number]} is of a channel that {DATASET_FILE} does not have"
            self.cases.fault(Kind.LAYOUT, fault, name)
        expected = {number: f"{folder}/{name}_{number}{self.ending}" for number in numbers}
        return self.cases.images(name, dict(zip(self.channels, expected.values(), strict=True)))

    def _add_listed(self, name: str, files: object) -> None:
        named = files if isinstance(files, dict) else {}
        images, mask = named.get("images"), named.get("label")
        if not isinstance(images, list) or not all(isinstance(each, str) for each in images):
            fault = "it has no list of paths under images"
        elif not isinstance(mask, str):
            fault = "it has no path under label"
        else:
            one_file = len(images) == 1 and self.ending.lower() in NATURAL_ENDINGS
            channels = ["image"] if one_file else self.channels
            if len(images) == len(channels):
                inputs = self.cases.images(name, dict(zip(channels, images, strict=True)))
                self._add(name, inputs, mask, None)
                return
            fault = f"it has {len(images)} images, and there are {len(channels)} channels"
        self.cases.fault(Kind.LAYOUT, fault, name, where=f"{DATASET_FILE}, dataset, {name}")

    def _add(self, name: str, inputs: dict[str, Source], mask: str, split: str | None) -> None:
        pattern = self.settings.patient_pattern
        patient = name if pattern is None else find_patient(pattern, name)
        if not patient:
            self.cases.fault(Kind.PATIENT, "the id does not match the patient pattern", name)
        targets = self.cases.mask(name, mask)
        self.cases.add(Case(name, patient or name, inputs, targets, split=split))


def _read_settings(
    content: Mapping[str, Any], cases: CaseList
) -> tuple[NnUnetLabels, list[str], str]:
    """Labels, names of the channels, and ending of the files."""
    if "channel_names" not in content and "modality" in content:
        raise DataError(
            f"{DATASET_FILE} is of version 1 of nnU-Net or of the Decathlon; "
            "--data.reader.kind msd reads it"
        )
    labels = read_labels(content.get("labels"), cases, where=DATASET_FILE)
    names, ending = content.get("channel_names"), content.get("file_ending")
    numbers = [str(at) for at in range(len(names))] if isinstance(names, dict) else []
    if not isinstance(names, dict) or not names or set(names) != set(numbers):
        fault = "channel_names is not of the form {'0': 'T1', '1': 'T2'}"
        cases.fault(Kind.LAYOUT, fault, where=DATASET_FILE)
    if not isinstance(ending, str) or not ending.startswith("."):
        fault = "file_ending is not of the form '.nii.gz'"
        cases.fault(Kind.LAYOUT, fault, where=DATASET_FILE)
    if cases.problems:
        raise FaultyCasesError(f"{DATASET_FILE} cannot be used", cases.problems, None)
    assert isinstance(names, dict)
    assert isinstance(ending, str)
    channels = [str(names[number]) for number in numbers]
    if len(set(channels)) < len(channels):  # nnU-Net uses the names for their normalisation only
        channels = [f"{name}_{number}" for number, name in zip(numbers, channels, strict=True)]
    return labels, ["image"] if len(channels) == 1 else channels, ending
