"""Cases with masks: their files read together, and kept in the cache."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import nibabel
import numpy as np
import scipy
from numpy.typing import NDArray

from datamodules.cache import CacheItem, entry_path
from datamodules.cache_entries import DamagedEntryError
from datamodules.case_files import CaseFiles, expected_bytes
from datamodules.cases import CaseTable, Source
from datamodules.configs.masks import MasksConfig
from datamodules.errors import DataError
from datamodules.structures import Outlines
from datamodules.transforms.mask_reading import (
    read_label_map,
)
from datamodules.transforms.volume_preprocessing import PREPROCESSING_VERSION, PreprocessVolume
from datamodules.volume import Volume
from datamodules.volume_cache import VolumeCache
from datamodules.volume_content import PreparedCase, VolumeContent, build_or_open_volumes

WAIVED_MM = "waived_mm"
"""In the description of an entry: how far apart headers put the files of each waived case."""


@dataclass(frozen=True, eq=False)
class CaseVolumes:
    """What the files of a case hold.

    Attributes:
        image: ``(C, *spatial)``.
        mask: uint8 ``(M, *spatial)`` as in ``MaskBatch``; None where the case is not annotated.
        apart_mm: How far apart headers put the files at most: 0 unless that is waived.
    """

    image: Volume
    mask: NDArray[np.uint8] | None
    apart_mm: float = 0.0


class MaskedCaseFiles(CaseFiles):
    """The files of one case, its masks among them."""

    def items(self) -> list[CacheItem]:
        """Every file: channels first."""
        return [*self.inputs(), *map(self.item, self.mask_sources().values())]

    def mask_sources(self) -> Mapping[str, Source]:
        """Masks by structure; the label map under an empty name."""
        if "masks" in self.case.targets:
            masks: Mapping[str, Source] = self.case.targets["masks"]
            return masks
        return {"": self.case.targets["mask"]} if "mask" in self.case.targets else {}

    def read(self, outlines: Outlines) -> CaseVolumes:
        """Read channels and masks, which lie on one grid.

        Raises:
            UnreadableFileError: Names the file that is at fault.
        """
        image = self.read_image()
        mask, apart_mm = self._outline(outlines, image)
        return CaseVolumes(image, mask, max(image.apart_mm, apart_mm))

    def read_mask(self, outlines: Outlines, image: Volume) -> NDArray[np.uint8] | None:
        """The mask alone, of a case whose image is known."""
        return self._outline(outlines, image)[0]

    def _outline(self, outlines: Outlines, image: Volume) -> tuple[NDArray[np.uint8] | None, float]:
        """The mask, and how far apart headers put it and the image."""
        if not outlines.annotate(self.case):
            return None, 0.0
        if "masks" not in self.case.targets:
            return self._read_as(outlines.from_label_map, self.case.targets["mask"], image)
        found = {
            name: self._read_as(lambda values: values != 0, source, image)
            for name, source in self.case.targets["masks"].items()
            if name in outlines.names
        }
        masks = {name: inside for name, (inside, _) in found.items()}
        return outlines.from_masks(masks), max(apart_mm for _, apart_mm in found.values())

    def _read_as(
        self, change: Callable[[NDArray[Any]], NDArray[Any]], source: Source, image: Volume
    ) -> tuple[NDArray[Any], float]:
        """What is made of a label map ``(*spatial)``, and how far apart headers put the two."""

        def read(item: CacheItem) -> tuple[NDArray[Any], float]:
            found = read_label_map(self.root, item.source, image, self.case.geometry_waived)
            return change(found.array[0]), found.apart_mm

        return self.read_source(source, read)


def cache_cases(table: CaseTable, config: MasksConfig, outlines: Outlines) -> VolumeCache:
    """Open the preprocessed cases of a dataset, preparing them if they are not there.

    Raises:
        DataError: If files cannot be read or do not fit together; lists every one.
        ConfigError: If the cache cannot be written, or has not the space.
    """
    path = _entry_path(table, config, outlines)
    return build_or_open_volumes(path, lambda: _content(table, config, outlines))


def _content(table: CaseTable, config: MasksConfig, outlines: Outlines) -> VolumeContent:
    preprocess = PreprocessVolume(config.preprocessing)
    files = [MaskedCaseFiles(case, table.root) for case in table.cases]
    of_case = {each.case.case_id: each for each in files}
    waived_mm: dict[str, float] = {}

    def prepare(own: Sequence[CacheItem]) -> PreparedCase:
        name = own[0].case_id
        volumes = of_case[name].read(outlines)
        if of_case[name].case.geometry_waived:
            waived_mm[name] = volumes.apart_mm
        mask = volumes.mask
        if mask is None:
            mask = np.full((outlines.channels, *volumes.image.spatial), 255, np.uint8)
        return cast("PreparedCase", preprocess(volumes.image, mask))

    return VolumeContent(
        dataset=table.name,
        cases=[each.items() for each in files],
        prepare=prepare,
        structures=len(outlines.structures),
        expected_bytes=expected_bytes(table),
        advise=config.reader.advise_on_unreadable,
        facts=lambda: {WAIVED_MM: waived_mm},
    )


def cached_cases(table: CaseTable, config: MasksConfig, outlines: Outlines) -> VolumeCache | None:
    """The cases as :func:`cache_cases` has kept them; None: it has not."""
    try:
        return VolumeCache.open(_entry_path(table, config, outlines))
    except (DamagedEntryError, DataError):
        return None


def _entry_path(table: CaseTable, config: MasksConfig, outlines: Outlines) -> Path:
    items = [item for case in table.cases for item in MaskedCaseFiles(case, table.root).items()]
    waived = sorted(case.case_id for case in table.cases if case.geometry_waived)
    fingerprint = _fingerprint(config, outlines, waived)
    advise = config.reader.advise_on_unreadable
    return entry_path(items, fingerprint, (), np.float16, table.name, advise)


def _fingerprint(config: MasksConfig, outlines: Outlines, waived: Sequence[str]) -> dict[str, Any]:
    return {
        **({"waived": waived} if waived else {}),
        "version": PREPROCESSING_VERSION,
        **config.preprocessing.model_dump(mode="json"),
        "structures": [[each.name, *each.values] for each in outlines.structures],
        "known_values": sorted(outlines.known_values),
        "ignore_value": outlines.ignore_value,
        "libraries": {"scipy": scipy.__version__, "nibabel": nibabel.__version__},
    }
