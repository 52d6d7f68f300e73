"""X-rays with their labels: preprocessed once into a memory map, augmented in the workers."""

from collections.abc import Sequence

import numpy as np

from datamodules.batches import ClassifierBatch
from datamodules.candidates import has_candidates
from datamodules.cases import CaseTable, Source, resolve
from datamodules.configs.xrays import XraysConfig
from datamodules.doctor.xrays import examine_xrays
from datamodules.exams import group_exams
from datamodules.film_measures import FILMS, measure_film
from datamodules.image_cache import ImageCache
from datamodules.image_measures import ImageMeasures
from datamodules.labelled import LabelledData, Picture
from datamodules.splits import ContentHashes
from datamodules.table_features import Value
from datamodules.transforms.xray_geometry import Geometry, resize
from datamodules.xray_cache import cache_xrays, cached_hashes
from datamodules.xray_dataset import XrayArrays, XrayDataset

THUMBNAIL = 16
"""Height and width of a thumbnail in pixels."""


class XraysData(LabelledData):
    """X-rays for classification.

    Args:
        config: Settings.
        seed: Seed of the experiment.
        trained: What a trained model knew of its data, when an external dataset is to be scored.
    """

    config: XraysConfig
    case_noun = "image"
    thumbnail = f"thumbnail of {THUMBNAIL} x {THUMBNAIL} pixels"
    image_kind = FILMS
    cache: ImageCache
    starts: np.ndarray

    def prepare_images(self, table: CaseTable) -> ContentHashes:
        """Build the cache of images."""
        self.cache, self.starts = cache_xrays(table, self.config)
        digests = [digest.tobytes() for digest in self.cache.hashes]
        return {
            case.case_id: tuple(digests[row] for row in self.rows_of(index))
            for index, case in enumerate(table.cases)
        }

    def kept_contents(self) -> ContentHashes | None:
        """See the base class."""
        return cached_hashes(self.table, self.config)

    @property
    def has_candidates(self) -> bool:
        """See the base class."""
        return has_candidates(self.table)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """See the base class."""
        size = self.config.preprocessing.size
        return (1, size, size)

    def caches(self) -> Sequence[ImageCache]:
        """The images."""
        return (self.cache,)

    def rows_of(self, index: int) -> range:
        """Rows of the cache that hold the images of a case."""
        return range(int(self.starts[index]), int(self.starts[index + 1]))

    def image_of(self, index: int) -> np.ndarray:
        """The first image of a case, uint8 ``(size, size)``; of a candidate its context."""
        return self._image(self.rows_of(index)[0])

    def _image(self, row: int) -> np.ndarray:
        image = self.cache.images[row]
        return np.asarray(image if image.ndim == 2 else image[0])

    def geometry_of(self, index: int) -> Geometry:
        """How the first image of a case was made from its file."""
        return Geometry.from_dict(self.cache.geometry(self.rows_of(index)[0]))

    def measures_of(self, index: int) -> list[tuple[ImageMeasures, Value]]:
        """See the base class; every film of an exam by itself, of a candidate its context."""
        case = self.table.cases[index]
        rows = zip(self.rows_of(index), case.inputs.values(), strict=True)
        return [self._measure(row, source, case.attributes.get("view")) for row, source in rows]

    def _measure(self, row: int, source: Source, view: Value) -> tuple[ImageMeasures, Value]:
        from datamodules.transforms.xray_acquisition import read_acquisition  # with pydicom

        geometry = Geometry.from_dict(self.cache.geometry(row))
        acquisition = read_acquisition(resolve(self.table.root, source.path))
        measures = measure_film(self._image(row), geometry, acquisition.spacing_mm)
        return measures, view or acquisition.view

    def show_judged(self, indices: Sequence[int]) -> ClassifierBatch:
        """See the base class: films of an exam apart."""
        batch = self.show(indices)
        if (case_of := batch.pop("case_of", None)) is not None:
            batch["table"] = batch["table"][case_of]
        return batch

    def thumbnail_of(self, index: int) -> np.ndarray:
        """See the base class."""
        image = self.image_of(index).astype(np.float32)
        return resize(image, THUMBNAIL, THUMBNAIL).ravel()

    def original_size(self, index: int) -> dict[str, Value]:
        """See the base class."""
        geometry = self.geometry_of(index)
        height, width = geometry.height, geometry.width
        return {"height": height, "width": width, "format": f"{height} x {width}"}

    def picture_of(self, index: int, evidence: np.ndarray | None = None) -> Picture:
        """See the base class; of an exam its first image."""
        return Picture(self.image_of(index), evidence)

    def evidence_of(self, index: int, maps: np.ndarray) -> np.ndarray:
        """See the base class; of an exam over its first image."""
        del index
        return np.asarray(maps[0])

    def arrange(self, table: CaseTable) -> CaseTable:
        """Make one case of the images of an exam, when that is what a case is."""
        return group_exams(table) if self.config.unit == "exam" else table

    def check(self) -> None:
        """Look for faults of labels and splits that need no pixels.

        Raises:
            ConfigError: If a label or an attribute that is asked for does not exist.
            DataError: Lists all of them.
        """
        found = examine_xrays(self.config, self._table, pixels=False, labels=self.labels)
        found.refuse_errors()
        self._table = found.table

    def dataset(self, *, training: bool) -> XrayDataset:
        """Images from the cache, augmented while training."""
        augmentation = self.config.augmentation if training else None
        return XrayDataset(
            XrayArrays(self.cache, self.starts, self.targets, self.table_rows),
            self.config.preprocessing,
            augmentation,
            self.seed,
            exams=self.config.unit == "exam",
        )
