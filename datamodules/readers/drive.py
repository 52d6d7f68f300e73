"""DRIVE: 40 fundus photographs with their vessels outlined."""

from typing import ClassVar, Literal

from datamodules.cases import Case, CaseTable, Structure
from datamodules.errors import DataError
from datamodules.readers.case_list import CaseList
from datamodules.readers.file_templates import FileTemplate, walk
from datamodules.readers.reader import ReaderSettings

VESSELS = "vessels"
SIDES = {"training": "train_val", "test": "test"}


class DriveReader(ReaderSettings):
    """DRIVE (Staal et al., IEEE TMI 2004), https://drive.grand-challenge.org.

    Expected under ``root``; the same with ``test``::

        training/images/21_training.tif            584 x 565 pixels
        training/1st_manual/21_manual1.gif         vessels
        training/mask/21_training_mask.gif         field of view; may be absent
        test/2nd_manual/01_manual2.gif             as a second observer saw them; may be absent

    The test images are now published without vessels: where they have none, they are left out, and
    the split is drawn. The dataset does not say which images are of one patient.
    """

    folder: ClassVar[str] = "DRIVE"
    kind: Literal["drive"] = "drive"

    def list_cases(self) -> CaseTable:
        """List the photographs; see the base class."""
        cases = CaseList(self.existing_root())
        masks = cases.root / "test/1st_manual"
        tested = masks.is_dir() and any(masks.iterdir())
        found = {side: _numbers(cases, side) for side in SIDES}
        if not any(found.values()):
            raise DataError("no training/images/21_training.tif and the like; is this DRIVE?")
        if not tested:
            cases.left_out("Test images, which have no masks (1st_manual)", len(found["test"]))
            found["test"] = []
        for side, numbers in found.items():
            for number in numbers:
                _add(cases, side, number, SIDES[side] if tested else None)
        structures = (Structure(VESSELS),)
        return cases.table(self.kind, structures=structures, public=True, has_patients=False)


def _numbers(cases: CaseList, side: str) -> list[str]:
    template, folder = FileTemplate(f"{{id}}_{side}.tif"), f"{side}/images"
    there = walk(cases.root, folder) if (cases.root / folder).is_dir() else ()
    return [fields["id"] for path in there if (fields := template.match(path))]


def _add(cases: CaseList, side: str, number: str, split: str | None) -> None:
    case_id = f"{number}_{side}"
    mask = f"{side}/1st_manual/{number}_manual1.gif"
    targets = cases.separate_masks(case_id, {VESSELS: mask})
    second = f"{side}/2nd_manual/{number}_manual2.gif"
    if (cases.root / second).is_file():
        targets["masks_second_observer"] = cases.masks(case_id, {VESSELS: second})
    field_of_view = f"{side}/mask/{case_id}_mask.gif"
    if (cases.root / field_of_view).is_file():
        targets |= cases.masks(case_id, {"field_of_view": field_of_view})
    inputs = cases.images(case_id, {"image": f"{side}/images/{case_id}.tif"})
    cases.add(Case(case_id, case_id, inputs, targets, split=split))
