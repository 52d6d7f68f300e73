"""The bags of a table's cases, and all that is asked of them whatever is to be learned."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.bag_dataset import BagDataset
from datamodules.cases import CaseTable
from datamodules.configs.slides import SlideSettings
from datamodules.data_info import DataInfo
from datamodules.errors import DataError
from datamodules.feature_store import copy_features
from datamodules.labelled import Picture
from datamodules.ready_features import RECIPE
from datamodules.slide_bags import contents_of, make_bags, slide_paths
from datamodules.slide_pictures import draw_bag, draw_tiles
from datamodules.slide_recipe import check_same_features, recipe_of
from datamodules.splits import ContentHashes
from datamodules.stored_bags import StoredBags, feature_scale
from datamodules.tile_dataset import TileDataset, spread
from datamodules.tile_encoder import TileEncoder

LOG = logging.getLogger("lightbox")
COLOURS = 3
LEAST_BAG = 64
"""Tiles that a training step sees of a case at least, where nothing is set."""


class CaseBags:
    """Bags of all cases of a table: found or made, scaled, drawn from, shown.

    Args:
        config: Settings.
        seed: Of the experiment.
        encoder: Turns tiles into features; not needed where they are ready.
        trained: What a trained model saw, when an external dataset is to be scored.

    Attributes:
        table: The cases; once they are prepared.
        stored: Features of their tiles; once they are prepared.
    """

    table: CaseTable
    stored: StoredBags

    def __init__(
        self,
        config: SlideSettings,
        seed: int,
        encoder: TileEncoder | None,
        trained: DataInfo | None,
    ) -> None:
        self.config, self.seed = config, seed
        self.encoder, self.trained = encoder, trained

    def check(self) -> None:
        """Look whether features are made as those of the trained model were.

        Raises:
            DataError: If not.
        """
        if self.trained is not None:
            check_same_features(self.trained.tile_features, self.tile_features)

    def prepare(self, table: CaseTable) -> ContentHashes:
        """Find or compute the features of every slide; what the slides of each case show.

        Raises:
            DataError: If slides cannot be used, or have not the features that the model takes.
        """
        self.table = table
        self.stored = make_bags(table, self.config, self.encoder)
        channels = self.shape[0]
        if self.trained is not None and channels != self.trained.channels:
            raise DataError(
                f"the tiles of {table.name} have {channels} features, and the model takes"
                f" {self.trained.channels}"
            )
        return contents_of(table, self.stored)

    def contents(self) -> ContentHashes | None:
        """What :meth:`prepare` returned; None: it was not called."""
        return contents_of(self.table, self.stored) if hasattr(self, "stored") else None

    def notices(self) -> list[str]:
        """What a report should say of the features."""
        bags = self.config.bags
        if self.config.reader.lists_features or bags.kind != "features":
            return []
        if bags.pretrained or bags.weights is not None:
            return []
        return [f"The encoder of tiles, {bags.encoder}, has random weights: it was never trained."]

    def kept(self, copy_to: Path | None = None) -> Iterator[str]:
        """Say where feature files are kept; see :meth:`TaskDataModule.prepared`."""
        files = [file for own in self.stored.files for file in own]
        folder = files[0].parent if copy_to is None else copy_features(files, copy_to)
        yield f"{len(files)} slides, {int(self.stored.lengths.sum())} tiles: {folder}"

    def sheets(self, table: CaseTable) -> Iterator[tuple[str, NDArray[np.uint8]]]:
        """Tissue and tiles of each slide, by its name; of features alone there is nothing."""
        if self.config.reader.lists_features:
            return
        for case in table.cases:
            paths = slide_paths(table, case)
            for number, path in enumerate(paths, start=1):
                name = case.case_id if len(paths) == 1 else f"{case.case_id}_{number}"
                try:
                    yield name, draw_tiles(path, self.config)
                except DataError as error:
                    LOG.warning("no sheet of '%s': %s", name, error)

    @property
    def shape(self) -> tuple[int, ...]:
        """Features of a tile, or its colours and size."""
        if self.config.bags.kind == "tiles":
            return (COLOURS, self.config.tiles.size, self.config.tiles.size)
        return (self.stored.width,)

    @property
    def tile_features(self) -> dict[str, Any]:
        """What the features of tiles are made by."""
        if self.config.reader.lists_features or self.encoder is None:
            return dict(RECIPE)
        return recipe_of(self.config, self.encoder)

    def scale(self, training: Sequence[int]) -> tuple[list[float], list[float]]:
        """Mean and deviation of each feature over training cases, or what a trained model has."""
        if self.trained is not None:
            return list(self.trained.feature_mean), list(self.trained.feature_deviation)
        if not self.config.standardise or self.config.bags.kind == "tiles":
            return [], []
        mean, deviation = feature_scale(self.stored, training)
        return _rounded(mean), _rounded(deviation)

    def tiles_of_a_step(self, training: Sequence[int]) -> int:
        """Tiles of a case that a training step sees, given the training cases."""
        if self.config.bag_tiles is not None:
            return self.config.bag_tiles
        if self.config.bags.kind == "tiles":
            return LEAST_BAG
        median = float(np.median(self.stored.lengths[training]))
        return max(LEAST_BAG, round(median / 2))

    def dataset(
        self, targets: NDArray[np.float32], table_rows: NDArray[np.float32], most: int | None
    ) -> BagDataset | TileDataset:
        """Batches of bags.

        Args:
            targets: float32 ``(n, L)``.
            table_rows: float32 ``(n, F)``, what is known of each case beside its tiles.
            most: Tiles of a case that training sees; None: this is evaluation, which sees all.
        """
        if self.config.bags.kind == "tiles":
            return TileDataset(
                self.stored,
                [slide_paths(self.table, case) for case in self.table.cases],
                targets,
                table_rows,
                self.config.bags,
                self.seed,
                self.config.assumed_um_per_pixel,
                most,
            )
        return BagDataset(self.stored, targets, table_rows, self.seed, most)

    def picture_of(self, index: int, evidence: NDArray[np.float32] | None) -> Picture:
        """The slide of a case, small; of features alone the features."""
        return draw_bag(self.table, index, self.stored, self.config, evidence)

    def evidence_of(self, index: int, maps: NDArray[np.float32]) -> NDArray[np.float32]:
        """A value a tile of a case; NaN of one that evaluation did not look at."""
        if self.config.bags.kind != "tiles":
            return maps
        count = int(self.stored.lengths[index])
        values = np.full(count, np.nan, np.float32)
        values[spread(count, self.config.bags.evaluated)] = maps
        return values


def _rounded(values: NDArray[np.float64]) -> list[float]:
    """To five digits: features that were made again differ in the last ones."""
    return [float(f"{value:.5g}") for value in values]
