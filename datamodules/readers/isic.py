"""ISIC 2018, task 1: photographs of skin lesions with their outlines."""

from typing import ClassVar, Literal

from datamodules.cases import Case, CaseTable, Structure
from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.case_list import CaseList
from datamodules.readers.file_templates import FileTemplate, walk
from datamodules.readers.reader import ReaderSettings

LESION = "lesion"
SIDES = {"Training": "train", "Validation": "val", "Test": "test"}


class IsicReader(ReaderSettings):
    """ISIC 2018 challenge, task 1 (Codella et al., 2019), https://challenge.isic-archive.com.

    Expected under ``root``; the same with ``Validation`` and ``Test``, where they are there::

        ISIC2018_Task1-2_Training_Input/ISIC_0000000.jpg
        ISIC2018_Task1_Training_GroundTruth/ISIC_0000000_segmentation.png

    The official split is kept; with the training images alone it is drawn, and where validation
    images lack it is drawn from the training images. The dataset does not say which images are of
    one patient.
    """

    folder: ClassVar[str] = "isic2018"
    kind: Literal["isic"] = "isic"

    def list_cases(self) -> CaseTable:
        """List the photographs; see the base class."""
        cases = CaseList(self.existing_root())
        images = {side: _ids(cases, _image_folder(side), "{id}.jpg") for side in SIDES}
        masks = {side: _ids(cases, _mask_folder(side), "{id}_segmentation.png") for side in SIDES}
        if not images["Training"]:
            raise DataError(f"no {_image_folder('Training')}/ISIC_0000000.jpg and the like")
        for side in SIDES:
            if masks[side] or side == "Training":
                continue
            cases.left_out(f"{side} images without masks", len(images.pop(side)))
        splits = {side: SIDES[side] for side, names in images.items() if names}
        if "Validation" not in splits:
            splits["Training"] = "train_val"
        for side, names in images.items():
            for name in names:
                _add(cases, side, name, splits[side] if len(splits) > 1 else None)
            for name in sorted(set(masks[side]) - set(names)):
                where = f"{_mask_folder(side)}/{name}_segmentation.png"
                cases.fault(Kind.MISSING, "there is no image for it", where=where)
        structures = (Structure(LESION),)
        return cases.table(self.kind, structures=structures, public=True, has_patients=False)


def _image_folder(side: str) -> str:
    return f"ISIC2018_Task1-2_{side}_Input"


def _mask_folder(side: str) -> str:
    return f"ISIC2018_Task1_{side}_GroundTruth"


def _ids(cases: CaseList, folder: str, name: str) -> list[str]:
    template = FileTemplate(name)
    there = walk(cases.root, folder) if (cases.root / folder).is_dir() else ()
    return [fields["id"] for path in there if (fields := template.match(path))]


def _add(cases: CaseList, side: str, name: str, split: str | None) -> None:
    mask = f"{_mask_folder(side)}/{name}_segmentation.png"
    targets = cases.separate_masks(name, {LESION: mask})
    inputs = cases.images(name, {"image": f"{_image_folder(side)}/{name}.jpg"})
    cases.add(Case(name, name, inputs, targets, split=split))
