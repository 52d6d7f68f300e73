"""Cases with boxes: their files kept in the cache, and their boxes in voxels of the files."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import cast

import nibabel
import numpy as np
import scipy
from numpy.typing import NDArray

from datamodules.batches import inside
from datamodules.box_places import placed_boxes
from datamodules.cache import CacheItem, entry_path
from datamodules.cache_entries import DamagedEntryError
from datamodules.case_files import expected_bytes
from datamodules.cases import Case, CaseTable
from datamodules.configs.boxes import BoxesConfig
from datamodules.doctor.stray_boxes import stray_boxes
from datamodules.errors import ConfigError, DataError
from datamodules.mask_cases import MaskedCaseFiles
from datamodules.problems import Kind, Problem
from datamodules.structures import Outlines
from datamodules.transforms.volume_geometry import VolumeGeometry
from datamodules.transforms.volume_preprocessing import PREPROCESSING_VERSION, PreprocessVolume
from datamodules.volume_cache import VolumeCache
from datamodules.volume_content import PreparedCase, VolumeContent, build_or_open_volumes

IGNORED = -1
"""Label of a box that counts neither as an object nor as background."""
MASK_BOXES = "mask_boxes"
"""In the description of an entry: of each case, boxes around the structures of its mask."""


@dataclass(frozen=True, eq=False)
class CaseBoxes:
    """The boxes of a case, in voxels of its file.

    Attributes:
        boxes: float32 ``(N, 2 * axes)``: low and then high corner along the axes of the file.
        labels: int64 ``(N,)``, positions among the classes; -1 only of ignored ones: any class.
        ignored: bool ``(N,)``: regions in which nothing counts.
    """

    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    ignored: NDArray[np.bool_]

    @cached_property
    def training_labels(self) -> NDArray[np.int64]:
        """As in ``BoxBatch``: every ignored box has -1."""
        return np.where(self.ignored, IGNORED, self.labels)


@dataclass(frozen=True)
class ObjectClasses:
    """What is to be found, and where the dataset says it is.

    Attributes:
        names: In the order of the labels.
        outlines: Where boxes are drawn around the structures of masks; None: the dataset's own.
    """

    names: tuple[str, ...]
    outlines: Outlines | None = None

    @classmethod
    def of(cls, table: CaseTable, config: BoxesConfig) -> "ObjectClasses":
        """Those of a dataset that are asked for.

        Raises:
            ConfigError: If one is not there, or the dataset has neither.
        """
        if config.boxes_from == "masks":
            outlines = Outlines.of(table, config.classes)
            return cls(outlines.names, outlines)
        if not table.objects:
            hint = "; it has masks: --data.boxes-from masks" if table.structures else ""
            raise ConfigError(f"{table.name} has no boxes, and a detector needs some{hint}")
        for name in config.classes:
            if name not in table.objects:
                near = get_close_matches(name, table.objects, n=1)
                raise ConfigError(
                    f"--data.classes: {table.name} has no '{name}'"
                    + (f"; did you mean '{near[0]}'?" if near else "")
                    + f"\nIt has: {', '.join(table.objects)}"
                )
        return cls(config.classes or table.objects)

    @classmethod
    def of_model(
        cls, table: CaseTable, config: BoxesConfig, names: tuple[str, ...]
    ) -> "ObjectClasses":
        """Those of a trained model.

        Raises:
            DataError: If the dataset has none of them.
        """
        there = cls.of(table, config.replace(classes=())).names
        if set(there).isdisjoint(names):
            raise DataError(
                f"{table.name} has boxes of {', '.join(there)}, and the model finds"
                f" {', '.join(names)}: no case can be scored; call them as the model does"
            )
        outlines = Outlines.of_model(table, names) if config.boxes_from == "masks" else None
        return cls(names, outlines)

    def annotate(self, case: Case) -> bool:
        """Whether it is known where the objects of a case are, if it has any."""
        if self.outlines is not None:
            return self.outlines.annotate(case)
        return "boxes" in case.targets or "volume_boxes" in case.targets

    def boxes_of(self, case: Case, geometry: VolumeGeometry) -> CaseBoxes:
        """The boxes of a case that has its own.

        Raises:
            DataError: If they have another number of axes than its file.
        """
        affine, axes = np.reshape(geometry.affine, (4, 4)), len(geometry.shape)
        found = [
            (label, box, ignored)
            for ignored in (False, True)
            for label, box in placed_boxes(case, affine, axes, ignored=ignored)
            if label in self.names or (ignored and not label)
        ]
        labels = [self.names.index(label) if label else IGNORED for label, _, _ in found]
        return CaseBoxes(
            np.array([box for _, box, _ in found], np.float32).reshape(len(found), 2 * axes),
            np.array(labels, np.int64),
            np.array([ignored for *_, ignored in found], bool),
        )

    def axes_of(self, table: CaseTable) -> int | None:
        """Of the images, as far as their boxes say it: 2 or 3; None: they do not."""
        if any("volume_boxes" in case.targets for case in table.cases):
            return 3
        return 2 if any("boxes" in case.targets for case in table.cases) else None

    def problems_of(self, case: Case, geometry: VolumeGeometry) -> list[Problem]:
        """What is wrong with where the boxes of a case lie in its image."""
        affine, axes = np.reshape(geometry.affine, (4, 4)), len(geometry.shape)
        try:
            placed = placed_boxes(case, affine, axes)
        except DataError as error:
            return [Problem(Kind.BOX, f"case '{case.case_id}'", str(error), case_id=case.case_id)]
        boxes = [each for each in placed if each[0] in self.names]
        return list(stray_boxes(case.case_id, boxes, geometry.shape))


def boxes_of_mask(mask: NDArray[np.uint8], structures: int) -> list[list[float]]:
    """One box around each structure of a mask, its number in front; none of an absent one.

    Args:
        mask: ``(M, *spatial)`` as in ``MaskBatch``.
        structures: How many there are.
    """
    found = []
    for number in range(structures):
        places = np.argwhere(inside(mask, number))
        if len(places):
            corners = [*places.min(axis=0).tolist(), *(places.max(axis=0) + 1).tolist()]
            found.append([number, *map(float, corners)])
    return found


def cache_images(table: CaseTable, config: BoxesConfig, classes: ObjectClasses) -> VolumeCache:
    """Open the preprocessed images of a dataset, preparing them if they are not there.

    Raises:
        DataError: If files cannot be read or do not fit together; lists every one.
        ConfigError: If the cache cannot be written, or has not the space.
    """
    path = _entry_path(table, config, classes)
    return build_or_open_volumes(path, lambda: _content(table, config, classes))


def _content(table: CaseTable, config: BoxesConfig, classes: ObjectClasses) -> VolumeContent:
    preprocess = PreprocessVolume(config.preprocessing)
    files = {case.case_id: MaskedCaseFiles(case, table.root) for case in table.cases}
    mask_boxes: dict[str, list[list[float]]] = {}

    def prepare(own: Sequence[CacheItem]) -> PreparedCase:
        name = own[0].case_id
        image = files[name].read_image()
        if classes.outlines is not None:
            mask = files[name].read_mask(classes.outlines, image)
            count = len(classes.names)
            mask_boxes[name] = [] if mask is None else boxes_of_mask(mask, count)
        return cast("PreparedCase", preprocess(image))

    return VolumeContent(
        dataset=table.name,
        cases=[_items(each, classes) for each in files.values()],
        prepare=prepare,
        structures=0,
        expected_bytes=expected_bytes(table),
        advise=config.reader.advise_on_unreadable,
        facts=lambda: {MASK_BOXES: mask_boxes},
    )


def cached_images(
    table: CaseTable, config: BoxesConfig, classes: ObjectClasses
) -> VolumeCache | None:
    """The images as :func:`cache_images` has kept them; None: it has not."""
    try:
        return VolumeCache.open(_entry_path(table, config, classes))
    except (DamagedEntryError, DataError):
        return None


def boxes_of_case(case: Case, row: int, cache: VolumeCache, classes: ObjectClasses) -> CaseBoxes:
    """The boxes of a case, in voxels of its file.

    Args:
        case: Annotated or not.
        row: Of the cache.
        cache: Of :func:`cache_images`.
        classes: What is to be found.
    """
    geometry = cache.geometry(row)
    if classes.outlines is None:
        return classes.boxes_of(case, geometry)
    kept = cache.description[MASK_BOXES].get(case.case_id, [])
    return numbered_boxes(kept, len(geometry.shape))


def numbered_boxes(found: Sequence[Sequence[float]], axes: int) -> CaseBoxes:
    """The boxes of :func:`boxes_of_mask`, none of them ignored."""
    values = np.array(found, np.float32).reshape(len(found), 1 + 2 * axes)
    return CaseBoxes(values[:, 1:], values[:, 0].astype(np.int64), np.zeros(len(found), bool))


def _items(files: MaskedCaseFiles, classes: ObjectClasses) -> list[CacheItem]:
    return files.inputs() if classes.outlines is None else files.items()


def _entry_path(table: CaseTable, config: BoxesConfig, classes: ObjectClasses) -> Path:
    files = [MaskedCaseFiles(case, table.root) for case in table.cases]
    items = [item for each in files for item in _items(each, classes)]
    fingerprint = {
        "version": PREPROCESSING_VERSION,
        **config.preprocessing.model_dump(mode="json"),
        "boxes_of": None if classes.outlines is None else list(classes.names),
        "libraries": {"scipy": scipy.__version__, "nibabel": nibabel.__version__},
    }
    advise = config.reader.advise_on_unreadable
    return entry_path(items, fingerprint, (), np.float16, table.name, advise)
