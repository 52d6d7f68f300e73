"""The files of a case, read together on one grid."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from datamodules.cache import CacheItem
from datamodules.candidates import image_of
from datamodules.cases import Case, CaseTable, Source, resolve
from datamodules.errors import DataError
from datamodules.geometry_waivers import HOW_TO_WAIVE
from datamodules.transforms.mask_reading import GeometryError, PlacedVolume, lay_on
from datamodules.transforms.volume_reading import read_volume
from datamodules.volume import Volume, with_spacing
from datamodules.volume_content import UnreadableFileError

BYTES_A_STORED_BYTE = 8
"""Of a cached volume for each byte of its file, roughly, as files are compressed."""

COMPRESSED = (".gz", ".png", ".jpg", ".jpeg", ".mha", ".nrrd", ".dcm")

Read = TypeVar("Read")


@dataclass(frozen=True)
class CaseFiles:
    """The files of one case.

    Attributes:
        case: Names them.
        root: Of the dataset.
    """

    case: Case
    root: Path

    def inputs(self) -> list[CacheItem]:
        """Every file of its image: channels."""
        return [self.item(source) for source in self.case.inputs.values()]

    def read_image(self) -> PlacedVolume:
        """Read the channels alone.

        Raises:
            UnreadableFileError: Names the file that is at fault.
        """
        first, *others = self.case.inputs.values()
        image = self.read_source(first, self._image)
        channels = [
            self.read_source(each, lambda item: self._channel(item, image)) for each in others
        ]
        array = image.array
        if channels:
            array = np.concatenate([array, *(channel.array for channel in channels)])
        apart_mm = max((channel.apart_mm for channel in channels), default=0.0)
        return PlacedVolume(array, image.affine, image.has_spacing, apart_mm)

    def _image(self, item: CacheItem) -> Volume:
        return with_spacing(_read_whole(item), self.case.spacing_mm)

    def _channel(self, item: CacheItem, image: Volume) -> PlacedVolume:
        channel = _read_whole(item)
        return lay_on(channel, image, "channel", waived=self.case.geometry_waived)

    def item(self, source: Source) -> CacheItem:
        """One of its files, for the cache."""
        path = resolve(self.root, source.path)
        return CacheItem(self.case.case_id, source, path, self.case.spacing_mm)

    def read_source(self, source: Source, read: Callable[[CacheItem], Read]) -> Read:
        """What a function reads of one file.

        Raises:
            UnreadableFileError: Names the file where it cannot.
        """
        item = self.item(source)
        try:
            return read(item)
        except UnreadableFileError:
            raise
        except GeometryError as error:
            raise UnreadableFileError(item, f"{error}; {HOW_TO_WAIVE}") from error
        except DataError as error:
            raise UnreadableFileError(item, str(error)) from error


def _read_whole(item: CacheItem) -> Volume:
    """The volume that a file holds; of a candidate, the one that it lies in."""
    return read_volume(item.path, image_of(item.source).selector)


def expected_bytes(table: CaseTable) -> int:
    """Roughly; of a raw file 2 bytes a voxel come to lie beside 1 of the mask."""
    paths = {
        resolve(table.root, source.path) for case in table.cases for source in case.inputs.values()
    }
    return sum(
        (BYTES_A_STORED_BYTE if path.name.endswith(COMPRESSED) else 2) * size_of(path)
        for path in paths
    )


def size_of(path: Path) -> int:
    """Bytes of a file, or of the files of a series."""
    if path.is_dir():
        return sum(each.stat().st_size for each in path.rglob("*") if each.is_file())
    return path.stat().st_size
