"""BraTS: brain tumours in four MR sequences, as the challenges of 2017 to 2023 named the files."""

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import ClassVar, Literal

from datamodules.cases import Case, CaseTable, Structure
from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.brats_names import Scan, parse_name, read_name_mapping
from datamodules.readers.case_list import CaseList
from datamodules.readers.file_templates import walk
from datamodules.readers.reader import ReaderSettings

CHANNELS = {
    "t1": ("t1", "t1n"),
    "t1ce": ("t1ce", "t1c"),
    "t2": ("t2", "t2w"),
    "flair": ("flair", "t2f"),
}
"""What the files of a sequence are called: up to 2021, and since."""
GRADES = ("HGG", "LGG")

_FILE = re.compile(
    r"(?:.*/)?((?i:BraTS)[^/]*?)[_-](t1ce|t1n|t1c|t1|t2w|t2f|t2|flair|seg)\.nii(\.gz)?"
)
_MISNAMED_MASK = re.compile(r"(?:.*/)?(BraTS20_Training_\d+)/[^/]*_Segm\.nii(\.gz)?")


@dataclass(frozen=True)
class _Labels:
    """Values of a label map: necrosis, oedema, enhancing tumour."""

    necrosis: int
    oedema: int
    enhancing: int

    def structures(self, parts: str) -> tuple[Structure, ...]:
        """Regions, of which each contains the next, or the labels themselves."""
        core = (self.necrosis, self.enhancing)
        if parts == "labels":
            return (
                Structure("necrosis", (self.necrosis,)),
                Structure("oedema", (self.oedema,)),
                Structure("enhancing tumour", (self.enhancing,)),
            )
        return (
            Structure("whole tumour", (self.necrosis, self.oedema, self.enhancing)),
            Structure("tumour core", core),
            Structure("enhancing tumour", (self.enhancing,)),
        )


class BratsReader(ReaderSettings):
    """BraTS, glioma (Baid et al., 2021; Menze et al., IEEE TMI 2015), https://www.synapse.org/brats.

    Expected under ``root``, in any folders, also not gzipped::

        HGG/Brats18_CBICA_AAB_1/Brats18_CBICA_AAB_1_flair.nii.gz      2017 to 2019; t1 t1ce t2 seg
        BraTS20_Training_001/BraTS20_Training_001_flair.nii.gz        2020; with name_mapping.csv
        BraTS2021_00000/BraTS2021_00000_flair.nii.gz                  2021
        BraTS-GLI-00000-000/BraTS-GLI-00000-000-t2f.nii.gz            2023; t1n t1c t2w seg

    Scans of one person are of one patient as far as the names tell (2017 to 2019 and 2023, and 2020
    with name_mapping.csv); so is the site. The enhancing tumour is the value 4, since 2023 it is 3.
    Scans without a mask are those for validation, and left out. There is no official test split.
    """

    folder: ClassVar[str] = "brats"
    kind: Literal["brats"] = "brats"
    parts: Literal["regions", "labels"] = "regions"
    """What is outlined: the challenge's regions (whole tumour, tumour core, enhancing tumour), of
    which each contains the next; or necrosis, oedema and enhancing tumour, which exclude each
    other."""

    def list_cases(self) -> CaseTable:
        """List the scans; see the base class."""
        cases = CaseList(self.existing_root())
        found = _find(cases)
        if not found:
            raise DataError("no BraTS..._flair.nii.gz or -t2f.nii.gz; is this the folder of BraTS?")
        mapping = read_name_mapping(cases)
        masked = {name: files for name, files in found.items() if "seg" in files}
        cases.left_out("Scans without a mask", len(found) - len(masked))
        if found and not masked:
            raise DataError("no scan has a mask (..._seg.nii.gz); the validation scans have none")
        scans = {name: mapping.get(name) or parse_name(name) for name in masked}
        for name, files in sorted(masked.items()):
            _add(cases, name, files, scans[name])
        recent = {scan.recent for scan in scans.values()}
        if len(recent) > 1:
            fault = "scans of 2023 and of before have different label values; keep them apart"
            cases.fault(Kind.LAYOUT, fault)
        labels = _Labels(1, 2, 3) if recent == {True} else _Labels(1, 2, 4)
        return cases.table(
            self.kind,
            structures=labels.structures(self.parts),
            public=True,
            has_patients=all(scan.patient_known for scan in scans.values()),
        )


def _find(cases: CaseList) -> dict[str, dict[str, str]]:
    """Files of each scan, by what they are."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for path in walk(cases.root, "."):
        if match := _FILE.fullmatch(path):
            name, what = match[1], match[2]
        elif match := _MISNAMED_MASK.fullmatch(path):
            name, what = match[1], "seg"  # BraTS20_Training_355 was published so
        else:
            continue
        first = found[name].setdefault(what, path)
        if first != path:
            cases.fault(Kind.CASE_ID, f"{first} and {path} are both there; remove one", name)
    return found


def _add(cases: CaseList, name: str, files: dict[str, str], scan: Scan) -> None:
    folder = files["seg"].rpartition("/")[0]
    beside = f"{folder}/" if folder else ""
    paths = {
        channel: next((files[each] for each in called if each in files), "")
        or f"{beside}{name}{'-' if scan.recent else '_'}{called[scan.recent]}.nii.gz"
        for channel, called in CHANNELS.items()
    }
    grades = [part for part in folder.split("/") if part in GRADES]
    cases.add(
        Case(
            name,
            scan.patient,
            cases.images(name, paths),
            cases.mask(name, files["seg"]),
            site=scan.site,
            attributes={"grade": grades[0] if grades else scan.grade},
        )
    )
