"""ACDC: the heart in cine MRI, at the end of diastole and of systole."""

import re
from pathlib import Path
from typing import ClassVar, Literal

from datamodules.cases import Case, CaseTable, Structure
from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.case_list import CaseList
from datamodules.readers.reader import ReaderSettings

STRUCTURES = (
    Structure("right ventricle", (1,)),
    Structure("myocardium", (2,)),
    Structure("left ventricle", (3,)),
)
SIDES = {"training": "train_val", "testing": "test"}
PHASES = ("ED", "ES")
INFO_FILE = "Info.cfg"
ENDINGS = (".nii.gz", ".nii")

_PATIENT = re.compile(r"patient\d+")


class AcdcReader(ReaderSettings):
    """ACDC (Bernard et al., IEEE TMI 2018), https://www.creatis.insa-lyon.fr/Challenge/acdc.

    Expected under ``root``; the folders of the patients may also lie in it directly::

        training/patient001/Info.cfg                       ED: 1, ES: 12, Group: DCM, ...
        training/patient001/patient001_frame01.nii.gz      and patient001_frame01_gt.nii.gz
        testing/patient101/...                             the official test split, where it is

    Two cases a patient: the end of diastole (ED) and of systole (ES). The whole cine series
    (patient001_4d.nii.gz) is not read. Group is the disease, and an attribute; so is the phase.
    """

    folder: ClassVar[str] = "acdc"
    kind: Literal["acdc"] = "acdc"

    def list_cases(self) -> CaseTable:
        """List both phases of each patient; see the base class."""
        cases = CaseList(self.existing_root())
        tops = [side for side in SIDES if (cases.root / side).is_dir()]
        patients = [f"{top}/{name}" for top in tops for name in _patients(cases.root / top)]
        patients = patients or _patients(cases.root)
        if not patients:
            raise DataError("no training/patient001 and the like; is this the folder of ACDC?")
        for folder in patients:
            split = SIDES[folder.partition("/")[0]] if "testing" in tops and len(tops) > 1 else None
            _add_patient(cases, folder, split)
        return cases.table(self.kind, structures=STRUCTURES, public=True)


def _patients(folder: Path) -> list[str]:
    return sorted(e.name for e in folder.iterdir() if e.is_dir() and _PATIENT.fullmatch(e.name))


def _add_patient(cases: CaseList, folder: str, split: str | None) -> None:
    patient = folder.rpartition("/")[2]
    info = _read_info(cases, f"{folder}/{INFO_FILE}")
    for phase in PHASES:
        case_id = f"{patient}_{phase}"
        if not info.get(phase, "").isdecimal():
            fault = f"{INFO_FILE} does not say the number of its frame ({phase}: 1)"
            cases.fault(Kind.LAYOUT, fault, case_id, where=f"{folder}/{INFO_FILE}")
            continue
        stem = f"{folder}/{patient}_frame{int(info[phase]):02d}"
        there = [ending for ending in ENDINGS if (cases.root / f"{stem}{ending}").is_file()]
        ending = there[0] if there else ENDINGS[0]
        cases.add(
            Case(
                case_id,
                patient,
                cases.images(case_id, {"image": f"{stem}{ending}"}),
                cases.mask(case_id, f"{stem}_gt{ending}"),
                attributes={
                    "phase": phase,
                    "group": info.get("Group") or None,
                    "height_cm": _number(info.get("Height", "")),
                    "weight_kg": _number(info.get("Weight", "")),
                },
                split=split,
                exam_id=patient,
            )
        )


def _read_info(cases: CaseList, relative: str) -> dict[str, str]:
    """``Key: value`` lines; a file that is not there or no text is a problem."""
    try:
        lines = (cases.root / relative).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        cases.fault(Kind.LAYOUT, "there is no such file", where=relative)
        return {}
    except UnicodeDecodeError:
        cases.fault(Kind.LAYOUT, "it is not a text file", where=relative)
        return {}
    pairs = (line.partition(":") for line in lines)
    return {key.strip(): value.strip() for key, _, value in pairs}


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
