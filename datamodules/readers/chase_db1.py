"""CHASE_DB1: 28 fundus photographs of both eyes of 14 children, with their vessels outlined."""

from pathlib import Path
from typing import ClassVar, Literal

from datamodules.cases import Case, CaseTable, Structure
from datamodules.errors import DataError
from datamodules.readers.case_list import CaseList
from datamodules.readers.file_templates import FileTemplate, walk
from datamodules.readers.reader import ReaderSettings

VESSELS = "vessels"
FIRST_TEST_CHILD = 11
EYES = {"L": "left", "R": "right"}


class ChaseDb1Reader(ReaderSettings):
    """CHASE_DB1 (Fraz et al., IEEE TBME 2012), https://researchdata.kingston.ac.uk/96/.

    Expected under ``root``::

        Image_01L.jpg             999 x 960 pixels; 01 is the child, L or R the eye
        Image_01L_1stHO.png       vessels as the first observer saw them: the mask
        Image_01L_2ndHO.png       as the second did; may be absent

    The usual division, though by child: 01 to 10 for training, 11 to 14 for testing.
    """

    folder: ClassVar[str] = "chase_db1"
    kind: Literal["chase-db1"] = "chase-db1"

    def list_cases(self) -> CaseTable:
        """List the photographs; see the base class."""
        root = self.existing_root()
        template, cases = FileTemplate("Image_{id}.jpg"), CaseList(root)
        found = [fields["id"] for path in walk(root, ".") if (fields := template.match(path))]
        eyes = [name for name in found if name[:-1].isdecimal() and name[-1] in EYES]
        if not eyes:
            raise DataError("no Image_01L.jpg and the like; is this the folder of CHASE_DB1?")
        cases.left_out("Photographs whose names do not say child and eye", len(found) - len(eyes))
        for name in eyes:
            _add(cases, root, name)
        return cases.table(self.kind, structures=(Structure(VESSELS),), public=True)


def _add(cases: CaseList, root: Path, name: str) -> None:
    child, eye = name[:-1], name[-1]
    case_id = f"Image_{name}"
    targets = cases.separate_masks(case_id, {VESSELS: f"{case_id}_1stHO.png"})
    second = f"{case_id}_2ndHO.png"
    if (root / second).is_file():
        targets["masks_second_observer"] = cases.masks(case_id, {VESSELS: second})
    cases.add(
        Case(
            case_id,
            child,
            cases.images(case_id, {"image": f"{case_id}.jpg"}),
            targets,
            attributes={"eye": EYES[eye]},
            split="test" if int(child) >= FIRST_TEST_CHILD else "train_val",
        )
    )
