"""Whole slides with their labels, each a bag of tiles, or of features of its tiles."""

import logging
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from datamodules.bag_dataset import BagDataset
from datamodules.batches import ClassifierBatch, DataInfo
from datamodules.cases import CaseTable
from datamodules.configs.slides import SlidesConfig
from datamodules.doctor.slides import examine_slides
from datamodules.errors import DataError
from datamodules.feature_store import copy_features
from datamodules.image_measures import ImageMeasures
from datamodules.labelled import LabelledData, Picture
from datamodules.patient_slides import group_patients
from datamodules.ready_features import RECIPE
from datamodules.samplers import Draw
from datamodules.slide_bags import contents_of, make_bags, slide_paths
from datamodules.slide_measures import SLIDES, TILES, measure_slide
from datamodules.slide_pictures import draw_bag, draw_tiles
from datamodules.slide_recipe import check_same_features, recipe_of
from datamodules.splits import ContentHashes
from datamodules.stored_bags import StoredBags, feature_scale
from datamodules.table_features import Value
from datamodules.tile_dataset import TileDataset, spread
from datamodules.tile_encoder import TileEncoder

LOG = logging.getLogger("lightbox")
COLOURS = 3
MOST_JUDGED = 300
"""Cases of a split that say what training data are like."""
LEAST_BAG = 64
"""Tiles that a training step sees of a case at least, where nothing is set."""


class SlidesData(LabelledData):
    """Slides for classification.

    Args:
        config: Settings.
        seed: Seed of the experiment.
        trained: What a trained model knew of its data, when an external dataset is to be scored.
        encoder: Turns tiles into features; not needed where they are ready.
    """

    config: SlidesConfig
    case_noun = "slide"
    thumbnail = "mean of the features of its tiles"
    image_kind = SLIDES
    bags: StoredBags

    def __init__(
        self,
        config: SlidesConfig,
        seed: int = 0,
        trained: DataInfo | None = None,
        encoder: TileEncoder | None = None,
    ) -> None:
        super().__init__(config, seed, trained)
        self.encoder = encoder

    def arrange(self, table: CaseTable) -> CaseTable:
        """Make one case of the slides of a patient, when that is what a case is."""
        return group_patients(table) if self.config.unit == "patient" else table

    def check(self) -> None:
        """Look for faults of labels and splits that need no pixels.

        Raises:
            ConfigError: If a label or an attribute that is asked for does not exist.
            DataError: Lists all of them.
        """
        if self.trained is not None:
            check_same_features(self.trained.tile_features, self.tile_features)
        found = examine_slides(self.config, self._table, pixels=False, labels=self.labels)
        found.refuse_errors()
        self._table = found.table if self._table is None else self._table

    def prepare_images(self, table: CaseTable) -> ContentHashes:
        """Find or compute the features of every slide."""
        self.bags = make_bags(table, self.config, self.encoder)
        channels = self.image_shape[0]
        if self.trained is not None and channels != self.trained.channels:
            raise DataError(
                f"the tiles of {table.name} have {channels} features, and the model takes"
                f" {self.trained.channels}"
            )
        self.notices += self._random_weights()
        return contents_of(table, self.bags)

    def kept_contents(self) -> ContentHashes | None:
        """See the base class."""
        return contents_of(self.table, self.bags) if hasattr(self, "bags") else None

    @property
    def most_judged(self) -> int:
        """Fewer than of images, as each is a bag of thousands."""
        return MOST_JUDGED

    def _random_weights(self) -> list[str]:
        bags = self.config.bags
        if self.config.reader.lists_features or bags.kind != "features":
            return []
        if bags.pretrained or bags.weights is not None:
            return []
        return [f"The encoder of tiles, {bags.encoder}, has random weights: it was never trained."]

    def prepared(self, copy_to: Path | None = None) -> Iterator[str]:
        """See the base class: feature files of the slides."""
        files = [file for own in self.bags.files for file in own]
        folder = files[0].parent if copy_to is None else copy_features(files, copy_to)
        yield f"{len(files)} slides, {int(self.bags.lengths.sum())} tiles: {folder}"

    def sheets(self) -> Iterator[tuple[str, np.ndarray]]:
        """See the base class: tissue and tiles of each slide."""
        if self.config.reader.lists_features:
            return
        for case in self.table.cases:
            paths = slide_paths(self.table, case)
            for number, path in enumerate(paths, start=1):
                name = case.case_id if len(paths) == 1 else f"{case.case_id}_{number}"
                try:
                    yield name, draw_tiles(path, self.config)
                except DataError as error:
                    LOG.warning("no sheet of '%s': %s", name, error)

    @property
    def has_candidates(self) -> bool:
        """See the base class."""
        return False

    @property
    def image_shape(self) -> tuple[int, ...]:
        """See the base class: features of a tile, or its colours and size."""
        if self.config.bags.kind == "tiles":
            return (COLOURS, self.config.tiles.size, self.config.tiles.size)
        return (self.bags.width,)

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
        return DataInfo.from_dict({**known, **scale, "tile_features": self.tile_features})

    @property
    def tile_features(self) -> dict[str, Any]:
        """What the features of tiles are made by."""
        if self.config.reader.lists_features or self.encoder is None:
            return dict(RECIPE)
        return recipe_of(self.config, self.encoder)

    @cached_property
    def _scale(self) -> tuple[list[float], list[float]]:
        """Mean and deviation of each feature over training cases, or what a trained model has."""
        if self.trained is not None:
            return list(self.trained.feature_mean), list(self.trained.feature_deviation)
        if not self.config.standardise or self.config.bags.kind == "tiles":
            return [], []
        mean, deviation = feature_scale(self.bags, self.indices("train"))
        return _rounded(mean), _rounded(deviation)

    @cached_property
    def bag_tiles(self) -> int:
        """Tiles of a case that a training step sees."""
        if self.config.bag_tiles is not None:
            return self.config.bag_tiles
        if self.config.bags.kind == "tiles":
            return LEAST_BAG
        median = float(np.median(self.bags.lengths[self.indices("train")]))
        return max(LEAST_BAG, round(median / 2))

    def dataset(self, *, training: bool) -> BagDataset | TileDataset:
        """Some tiles of each case while training, else all."""
        most = self.bag_tiles if training else None
        if self.config.bags.kind == "tiles":
            return TileDataset(
                self.bags,
                [slide_paths(self.table, case) for case in self.table.cases],
                self.targets,
                self.table_rows,
                self.config.bags,
                self.seed,
                self.config.assumed_um_per_pixel,
                most,
            )
        return BagDataset(self.bags, self.targets, self.table_rows, self.seed, most)

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
        return draw_bag(self.table, index, self.bags, self.config, evidence)

    def evidence_of(self, index: int, maps: np.ndarray) -> np.ndarray:
        """See the base class: a value a tile; NaN of one that evaluation did not look at."""
        if self.config.bags.kind != "tiles":
            return maps
        count = int(self.bags.lengths[index])
        values = np.full(count, np.nan, np.float32)
        values[spread(count, self.config.bags.evaluated)] = maps
        return values


def _rounded(values: np.ndarray) -> list[float]:
    """To five digits: features that were made again differ in the last ones."""
    return [float(f"{value:.5g}") for value in values]
