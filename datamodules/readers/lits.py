"""LiTS: liver and liver tumours in CT."""

import re
from typing import ClassVar, Literal

from datamodules.cases import Case, CaseTable, Structure
from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.case_list import CaseList
from datamodules.readers.file_templates import walk
from datamodules.readers.reader import ReaderSettings

STRUCTURES = (Structure("liver", (1, 2)), Structure("tumour", (2,)))

_FILE = re.compile(r"(?:.*/)?(volume|segmentation|test-volume)-(\d+)\.nii(\.gz)?")


class LitsReader(ReaderSettings):
    """LiTS (Bilic et al., Medical Image Analysis 2023), https://competitions.codalab.org.

    Expected under ``root``, in any folders, also gzipped::

        Training Batch 1/volume-0.nii      Training Batch 1/segmentation-0.nii

    The liver is the values 1 and 2, the tumour 2: they overlap. The test volumes have no published
    masks and are left out. The dataset does not say which volumes are of one patient; there is no
    official division of the others.
    """

    folder: ClassVar[str] = "lits"
    kind: Literal["lits"] = "lits"

    def list_cases(self) -> CaseTable:
        """List the volumes; see the base class."""
        cases = CaseList(self.existing_root())
        found: dict[str, dict[int, str]] = {"volume": {}, "segmentation": {}, "test-volume": {}}
        for path in walk(cases.root, "."):
            if match := _FILE.fullmatch(path):
                first = found[match[1]].setdefault(int(match[2]), path)
                if first != path:
                    both = f"{first} and {path} are both there; remove one"
                    cases.fault(Kind.CASE_ID, both, f"volume-{match[2]}")
        volumes, masks = found["volume"], found["segmentation"]
        if not volumes:
            raise DataError("no volume-0.nii and the like; is this the folder of LiTS?")
        cases.left_out("Test volumes, which have no published masks", len(found["test-volume"]))
        for number, path in sorted(volumes.items()):
            case_id = f"volume-{number}"
            mask = masks.get(number, path.replace("volume-", "segmentation-"))
            inputs = cases.images(case_id, {"image": path})
            cases.add(Case(case_id, case_id, inputs, cases.mask(case_id, mask)))
        for number in sorted(set(masks) - set(volumes)):
            fault = f"there is no volume-{number}.nii for it"
            cases.fault(Kind.MISSING, fault, where=masks[number])
        return cases.table(self.kind, structures=STRUCTURES, public=True, has_patients=False)
