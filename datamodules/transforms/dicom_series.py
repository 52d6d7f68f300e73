"""The DICOM series in a folder, by the headers of its files."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset, dcmread

from datamodules.errors import DataError, readable
from datamodules.transforms.xray_dicom import META_BYTES, refuse_deflated

HEADER = (
    "Modality",
    "SeriesInstanceUID",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "PixelSpacing",
    "SliceThickness",
    "SpacingBetweenSlices",
)
SERIES_UID = re.compile(r"[0-9.]{1,64}")
SERIES_NAMED = 10


@dataclass(frozen=True, eq=False)
class SliceFile:
    """A file of a series, and what its header says of its place."""

    path: Path
    header: Dataset


def series_in(folder: Path) -> dict[str, int]:
    """How many images a folder has of each series, however deep, by SeriesInstanceUID.

    Raises:
        DataError: If a file is damaged.
    """
    return {uid: len(files) for uid, files in sorted(_series(folder).items())}


def find_series(folder: Path, series_uid: str | None = None) -> list[SliceFile]:
    """The images of a series, in order of their names.

    Args:
        folder: Of the series, which may lie deeper.
        series_uid: SeriesInstanceUID; None: there is only one series.

    Raises:
        DataError: If there is no such series, or none is asked for and there are several, which
            are named; or if a file is damaged.
    """
    series = _series(folder)
    if not series:
        raise DataError("the folder has no DICOM images")
    if series_uid is not None and series_uid not in series:
        raise DataError(
            "the folder has no series of the SeriesInstanceUID that is asked for; it has "
            + _listed(series)
        )
    if series_uid is None and len(series) > 1:
        raise DataError(
            f"the folder has {len(series)} DICOM series: {_listed(series)}; name one by its "
            "SeriesInstanceUID (csv: --data.reader.series-column), or give each a folder of its own"
        )
    return next(iter(series.values())) if series_uid is None else series[series_uid]


def images_of(folder: Path) -> Iterator[tuple[Path, Dataset]]:
    """DICOM files in a folder, however deep, in order of their names, with their headers.

    Raises:
        DataError: If a file is damaged, or of a kind that is not read.
    """
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            head = file.read(META_BYTES)
        if head[128:132] != b"DICM":
            continue
        try:
            refuse_deflated(head)
            yield path, dcmread(path, stop_before_pixels=True, specific_tags=list(HEADER))
        except DataError as error:
            raise DataError(f"'{readable(path.name)}': {error}") from None
        except Exception as error:  # damaged files make pydicom raise nearly every exception
            message = f"'{readable(path.name)}' is damaged ({type(error).__name__})"
            raise DataError(message) from None


def _series(folder: Path) -> dict[str, list[SliceFile]]:
    series: dict[str, list[SliceFile]] = defaultdict(list)
    for path, header in images_of(folder):
        if header.get("Rows") is None:
            _check_no_image(path, header)
        elif header.get("Modality") != "SEG":
            series[str(header.get("SeriesInstanceUID", ""))].append(SliceFile(path, header))
    return series


def _check_no_image(path: Path, header: Dataset) -> None:
    """Refuse an image that lost its header's end; a DICOMDIR, report, or contours are none."""
    declared = header.file_meta.get("MediaStorageSOPClassUID")
    if declared is None or "Image Storage" in declared.name:
        raise DataError(f"'{readable(path.name)}' is cut off: its header has no size of an image")


def _listed(series: Mapping[str, Sequence[SliceFile]]) -> str:
    """Series by their ids; what is no such id is not quoted, as it may be anything."""
    named = [
        f"{uid if SERIES_UID.fullmatch(uid) else 'one without a valid UID'} ({len(files)} images)"
        for uid, files in sorted(series.items())
    ]
    more = len(named) - SERIES_NAMED
    return ", ".join(named[:SERIES_NAMED]) + (f" and {more} more" if more > 0 else "")
