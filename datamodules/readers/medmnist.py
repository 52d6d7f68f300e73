"""MedMNIST v2: small images or volumes of one dataset in one npz file, with an official split."""

import hashlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

from pydantic import field_validator, model_validator

from datamodules.cases import Case, CaseTable, Source
from datamodules.errors import DataError
from datamodules.problems import FaultyCasesError, Kind, Problem, Problems
from datamodules.readers.build_once import build_once
from datamodules.readers.label_columns import order_notice
from datamodules.readers.medmnist_arrays import SIDES, read_labels
from datamodules.readers.medmnist_dataset import MedMnist
from datamodules.readers.medmnist_files import DOWNLOAD_URL, MEDMNIST, Flag, Size, file_name
from datamodules.readers.reader import ReaderSettings

if TYPE_CHECKING:
    import numpy as np

TIMEOUT_SECONDS = 15

LOG = logging.getLogger("lightbox")


class MedMnistReader(ReaderSettings):
    """MedMNIST v2 (Yang et al., 2023), https://medmnist.com, 2D and 3D datasets.

    Expected under ``root``, or in $LIGHTBOX_DATA or its subfolder of the dataset's name::

        pneumoniamnist.npz          28 px; 224 px is pneumoniamnist_224.npz
        adrenalmnist3d.npz          28 voxels; 64 voxels is adrenalmnist3d_64.npz

    A file that is nowhere is downloaded from Zenodo and verified. The official split is kept;
    the datasets do not say which images are of one patient.
    """

    kind: Literal["medmnist"] = "medmnist"
    flag: Flag = "pneumoniamnist"
    """Which dataset."""
    size: Size = 28
    """Pixels or voxels along each side of the published images; 128 and 224 are 2D only."""
    download: bool = True
    """Download the file if it is nowhere."""

    @field_validator("size", mode="before")
    @classmethod
    def _number(cls, value: object) -> object:
        # A command line gives text, which a choice of numbers refuses.
        return {str(size): size for size in get_args(Size)}.get(str(value), value)

    @model_validator(mode="after")
    def _is_published(self) -> Self:
        if self.size not in (sizes := MEDMNIST[self.flag].md5):
            there = " and ".join(map(str, sizes))
            raise ValueError(f"there is no {self.flag} of size {self.size}; its sizes are {there}")
        return self

    @property
    def file_name(self) -> str:
        """Name of the npz file."""
        return file_name(self.flag, self.size)

    def existing_root(self) -> Path:
        """The folder that holds the file; it is downloaded into the root, or into the cache.

        Raises:
            DataError: If the file is nowhere and cannot be downloaded; says where to put it.
        """
        folders = self._folders()
        for folder in folders:
            if (folder / self.file_name).is_file():
                return folder
        target = folders[0 if self.root is not None else -1] / self.file_name
        if not self.download:
            raise DataError(self._nowhere(folders, "downloading is off"))
        try:
            build_once(target, self._fetch)
        except DataError as error:
            raise DataError(self._nowhere(folders, str(error))) from error
        return target.parent

    def list_cases(self) -> CaseTable:
        """List the images or volumes of the file; see the base class."""
        root = self.existing_root()
        path = root / self.file_name
        dataset = MEDMNIST[self.flag]
        labels = read_labels(path, dataset, self.size)
        table = CaseTable(
            name=self.flag,
            root=root,
            cases=tuple(
                self._case(side, row, values)
                for side in SIDES
                for row, values in enumerate(labels[side].tolist())
            ),
            classes=dataset.classes,
            findings=dataset.names if dataset.multi_label else (),
            public=True,
            has_patients=False,
            notices=self._notices(path, dataset),
        )
        if problems := _label_problems(labels, dataset):
            raise FaultyCasesError(
                f"{self.file_name} has labels that {self.flag} has not", problems, table
            )
        return table

    def _notices(self, path: Path, dataset: MedMnist) -> tuple[str, ...]:
        notices = []
        if _md5(path) != dataset.md5[self.size]:
            notices.append(
                f"{self.file_name} is not the published file (its MD5 sum differs): figures may "
                "not compare with published ones."
            )
        if dataset.origin:
            notices.append(
                f"{self.flag} has {dataset.origin}, and its file does not say which belong "
                "together: intervals are too narrow."
            )
        return (*notices, *order_notice(dataset.classes, given=dataset.classes))

    def _case(self, side: str, row: int, values: list[int]) -> Case:
        case_id = _case_id(side, row)
        source = Source(self.file_name, f"{side}_images[{row}]")
        targets = _targets(values, MEDMNIST[self.flag])
        return Case(case_id, case_id, {"image": source}, targets, split=side)

    def _folders(self) -> list[Path]:
        from datamodules.cache_entries import cache_root

        if self.root is not None:
            return [Path(self.root).expanduser()]
        data = os.environ.get("LIGHTBOX_DATA")
        named = [Path(data).expanduser() / self.flag, Path(data).expanduser()] if data else []
        return [*named, cache_root() / "medmnist"]

    def _fetch(self, unfinished: Path) -> None:
        url = f"{DOWNLOAD_URL}/{self.file_name}"
        LOG.info("downloading %s", url)
        with unfinished.open("wb") as file:
            for block in _blocks(url):
                file.write(block)
        if _md5(unfinished) != MEDMNIST[self.flag].md5[self.size]:
            raise DataError("what arrived does not have the published MD5 sum")

    def _nowhere(self, folders: list[Path], reason: str) -> str:
        places = ", or ".join(str(folder) for folder in folders)
        return (
            f"{self.file_name} is not there, and was not downloaded: {reason}. Fetch "
            f"{DOWNLOAD_URL}/{self.file_name} (MD5 {MEDMNIST[self.flag].md5[self.size]}) on a "
            f"machine with a network and put it into {places}; or give --data.reader.root DIR"
        )


def _blocks(url: str) -> Iterator[bytes]:
    import urllib.request  # with ssl, for which --help need not wait
    from http.client import HTTPException

    request = urllib.request.Request(url, headers={"User-Agent": "lightbox"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            while block := answer.read(1 << 20):
                yield block
    except (OSError, HTTPException) as error:
        raise DataError(f"Zenodo cannot be reached ({getattr(error, 'reason', error)})") from error


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _case_id(side: str, row: int) -> str:
    return f"{side}-{row:05d}"


def _are_labels(values: list[int], dataset: MedMnist) -> bool:
    in_range = min(values, default=-1) >= 0 and max(values) <= dataset.highest_label
    return in_range and len(values) == dataset.label_columns


def _targets(values: list[int], dataset: MedMnist) -> dict[str, Any]:
    if not _are_labels(values, dataset):
        return {}
    if dataset.multi_label:
        return {"findings": dict(zip(dataset.names, map(float, values), strict=True))}
    return {"class": dataset.names[values[0]]}


def _label_problems(labels: dict[str, "np.ndarray[Any, Any]"], dataset: MedMnist) -> Problems:
    problems: Problems = []
    for side, values in labels.items():
        if values.shape[1] != dataset.label_columns:
            fault = f"{side}_labels has {values.shape[1]} columns, not {dataset.label_columns}"
            problems.append(Problem(Kind.LAYOUT, "", fault))
            continue
        problems += [
            Problem(
                Kind.LABEL,
                "",
                f"{side}_labels[{row}] is {given}, not in 0..{dataset.highest_label}",
                case_id=_case_id(side, row),
            )
            for row, given in enumerate(values.tolist())
            if not _are_labels(given, dataset)
        ]
    return problems
