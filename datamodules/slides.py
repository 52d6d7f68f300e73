"""Whole slides with their labels, each a bag of tiles, or of features of its tiles."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from datamodules.bag_dataset import BagDataset
from datamodules.batches import ClassifierBatch
from datamodules.case_bags import CaseBags
from datamodules.cases import CaseTable
from datamodules.configs.slides import SlidesConfig
from datamodules.data_info import DataInfo
from datamodules.doctor.slides import examine_slides
from datamodules.image_measures import ImageMeasures
from datamodules.labelled import LabelledData, Picture
from datamodules.patient_slides import group_patients
from datamodules.samplers import Draw
from datamodules.slide_measures import SLIDES, TILES, measure_slide
from datamodules.splits import ContentHashes
from datamodules.stored_bags import StoredBags, feature_scale
from datamodules.table_features import Value
from datamodules.tile_dataset import TileDataset
from datamodules.tile_encoder import TileEncoder

MOST_JUDGED = 300
"""Cases of a split that say what training data are like."""


class SlidesData(LabelledData):
    """Slides for classification.

    Args:
        config: Settings.
        seed: Seed of the experiment.
        trained: What a trained model knew of its data, when an external dataset is to be scored.
        encoder: Turns tiles into features; not needed where they are ready.

    Attributes:
        case_bags: The bags of the cases, and what is made of them.
    """

    config: SlidesConfig
    case_noun = "slide"
    thumbnail = "mean of the features of its tiles"
    image_kind = SLIDES

    def __init__(
        self,
        config: SlidesConfig,
        seed: int = 0,
        trained: DataInfo | None = None,
        encoder: TileEncoder | None = None,
    ) -> None:
        super().__init__(config, seed, trained)
        self.case_bags = CaseBags(config, seed, encoder, trained)

    @property
    def bags(self) -> StoredBags:
        """Features of the tiles of every case."""
        return self.case_bags.stored

    def arrange(self, table: CaseTable) -> CaseTable:
        """Make one case of the slides of a patient, when that is what a case is."""
        return group_patients(table) if self.config.unit == "patient" else table

    def check(self) -> None:
        """Look for faults of labels and splits that need no pixels.

        Raises:
            ConfigError: If a label or an attribute that is asked for does not exist.
            DataError: Lists all of them.
        """
        self.case_bags.check()
        found = examine_slides(self.config, self._table, pixels=False, labels=self.labels)
        found.refuse_errors()
        self._table = found.table if self._table is None else self._table

    def prepare_images(self, table: CaseTable) -> ContentHashes:
        """Find or compute the features of every slide."""
        contents = self.case_bags.prepare(table)
        self.notices += self.case_bags.notices()
        return contents

    def kept_contents(self) -> ContentHashes | None:
        """See the base class."""
        return self.case_bags.contents()

    @property
    def most_judged(self) -> int:
        """Fewer than of images, as each is a bag of thousands."""
        return MOST_JUDGED

    def prepared(self, copy_to: Path | None = None) -> Iterator[str]:
        """See the base class: feature files of the slides."""
        yield from self.case_bags.kept(copy_to)

    def sheets(self) -> Iterator[tuple[str, np.ndarray]]:
        """See the base class: tissue and tiles of each slide."""
        yield from self.case_bags.sheets(self.table)

    @property
    def has_candidates(self) -> bool:
        """See the base class."""
        return False

    @property
    def image_shape(self) -> tuple[int, ...]:
        """See the base class: features of a tile, or its colours and size."""
        return self.case_bags.shape

    @property
    def evaluation_batch_size(self) -> int:
        """One case at a time, of which each may have a hundred thousand tiles."""
        return 1

    @property
    def info(self) -> DataInfo:
        """What the module may know of the data, and how features are scaled."""
        mean, deviation = self._scale
        known = super().info.to_dict()
        scale = {"feature_mean": mean, "feature_deviation": deviation}
        made_by = {"tile_features": self.case_bags.tile_features}
        return DataInfo.from_dict({**known, **scale, **made_by})

    @cached_property
    def _scale(self) -> tuple[list[float], list[float]]:
        return self.case_bags.scale(self.indices("train"))

    @cached_property
    def bag_tiles(self) -> int:
        """Tiles of a case that a training step sees."""
        return self.case_bags.tiles_of_a_step(self.indices("train"))

    def dataset(self, *, training: bool) -> BagDataset | TileDataset:
        """Some tiles of each case while training, else all."""
        most = self.bag_tiles if training else None
        return self.case_bags.dataset(self.targets, self.table_rows, most)

    def show(self, indices: Sequence[int]) -> ClassifierBatch:
        """See the base class."""
        return self.dataset(training=False).__getitems__([Draw(index) for index in indices])

    def measures_of(self, index: int) -> list[tuple[ImageMeasures, Value]]:
        """See the base class; of several slides the first, with the tiles of all."""
        measures = measure_slide(self.bags.slides(index)[0])
        values = {**measures.values, TILES: float(self.bags.lengths[index])}
        return [(measures._replace(values=values), None)]

    def thumbnail_of(self, index: int) -> np.ndarray:
        """See the base class; of bags of tiles their mean colour and its spread."""
        if self.config.bags.kind == "tiles":
            facts = self.bags.slides(index)[0].slide
            return np.array([*facts["mean_rgb"], *facts["spread_rgb"]], np.float32)
        return feature_scale(self.bags, [index])[0].astype(np.float32)

    def original_size(self, index: int) -> dict[str, Value]:
        """See the base class: what is known of the slide, but for its colours."""
        [(measures, _)] = self.measures_of(index)
        return {
            name: round(value, 3)
            for name, value in measures.values.items()
            if name in (TILES, "tissue", "microns per pixel")
        }

    def picture_of(self, index: int, evidence: np.ndarray | None = None) -> Picture:
        """See the base class: the slide, small; of features alone the features."""
        return self.case_bags.picture_of(index, evidence)

    def evidence_of(self, index: int, maps: np.ndarray) -> np.ndarray:
        """See the base class: a value a tile; NaN of one that evaluation did not look at."""
        return self.case_bags.evidence_of(index, maps)
