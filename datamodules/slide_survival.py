"""Whole slides of patients who were followed up, each a bag of tiles or of their features."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.base import TaskDataModule
from datamodules.batches import SurvivalBatch
from datamodules.case_bags import CaseBags
from datamodules.cases import CaseTable
from datamodules.configs.slide_survival import SurvivalSlidesConfig
from datamodules.data_info import DataInfo, LabelSet, SurvivalInfo
from datamodules.doctor.slide_survival import examine_survival, nobody_followed
from datamodules.errors import DataError
from datamodules.labelled import Picture
from datamodules.patient_slides import group_patients
from datamodules.samplers import Draw
from datamodules.splits import ContentHashes
from datamodules.stored_bags import StoredBags
from datamodules.survival_dataset import SurvivalDataset
from datamodules.table_features import TableColumn, check_known, encode, fit_columns
from datamodules.tile_encoder import TileEncoder
from datamodules.time_intervals import count_outcomes, interval_ends


class SlideSurvivalData(TaskDataModule):
    """Slides of patients, and how long each was followed up.

    Args:
        config: Settings.
        seed: Seed of the experiment.
        trained: What a trained model knew of its data, when an external dataset is to be scored.
        encoder: Turns tiles into features; not needed where they are ready.

    Attributes:
        case_bags: The bags of the cases, and what is made of them.
        follow_up: float32 ``(n, 2)``, time and event (1: it happened, 0: censored, NaN in both: not
            known); once it is prepared.
    """

    config: SurvivalSlidesConfig
    follow_up: NDArray[np.float32]

    def __init__(
        self,
        config: SurvivalSlidesConfig,
        seed: int = 0,
        trained: SurvivalInfo | None = None,
        encoder: TileEncoder | None = None,
    ) -> None:
        super().__init__(config, seed)
        self.trained = trained
        seen = None if trained is None else trained.seen
        self.case_bags = CaseBags(config, seed, encoder, seen)

    @property
    def bags(self) -> StoredBags:
        """Features of the tiles of every case."""
        return self.case_bags.stored

    def arrange(self, table: CaseTable) -> CaseTable:
        """Make one case of the slides of a patient, when that is what a case is."""
        return group_patients(table) if self.config.unit == "patient" else table

    def check(self) -> None:
        """Look for faults of follow-up and splits that need no pixels; see the base class."""
        self.case_bags.check()
        found = examine_survival(self.config, self._table, pixels=False)
        found.refuse_errors()
        self._table = found.table if self._table is None else self._table

    def prepare_pixels(self, table: CaseTable) -> ContentHashes:
        """Gather the follow-up, and find or compute the features of every slide."""
        unknown = (np.nan, np.nan)
        self.follow_up = np.array(
            [
                (case.targets["time"], case.targets["event"]) if "time" in case.targets else unknown
                for case in table.cases
            ],
            np.float32,
        )
        if np.isnan(self.follow_up).all():
            raise DataError(nobody_followed(table))
        if self.trained is not None:
            self.notices += check_known(self.trained.seen.table, table.cases)
        contents = self.case_bags.prepare(table)
        self.notices += self.case_bags.notices()
        return contents

    def indices(self, split: str) -> list[int]:
        """Positions of a split's cases; those that were not followed up are of no use."""
        unknown = np.isnan(self.follow_up[:, 0])
        return [index for index in super().indices(split) if not unknown[index]]

    def prepare(self, splits_file: Path | None = None, *, held_out: bool = False) -> None:
        """As for every task, and look whether there is something to learn."""
        super().prepare(splits_file, held_out=held_out)
        if held_out:
            return
        events = {split: self.follow_up[self.indices(split), 1].sum() for split in ("train", "val")}
        if not events["train"]:
            raise DataError("the event happened to no training case: there is nothing to learn")
        if not events["val"]:
            self.notices.append("the event happened to no case in val")
        if len(self.info.ends) < self.config.intervals:
            self.notices.append(
                f"Time has {len(self.info.ends)} intervals, as training patients have too few"
                f" different times of the event for {self.config.intervals}."
            )

    def kept_contents(self) -> ContentHashes | None:
        """See the base class."""
        return self.case_bags.contents()

    def prepared(self, copy_to: Path | None = None) -> Iterator[str]:
        """See the base class: feature files of the slides."""
        yield from self.case_bags.kept(copy_to)

    def sheets(self) -> Iterator[tuple[str, np.ndarray]]:
        """See the base class: tissue and tiles of each slide."""
        yield from self.case_bags.sheets(self.table)

    @property
    def evaluation_batch_size(self) -> int:
        """One case at a time, of which each may have a hundred thousand tiles."""
        return 1

    @cached_property
    def table_rows(self) -> NDArray[np.float32]:
        """What the table knows of each case, float32 ``(n, F)``."""
        return encode(self.info.seen.table, self.table.cases)

    @cached_property
    def info(self) -> SurvivalInfo:
        """What the module may know of the data: as the trained model has it, or from training."""
        if self.trained is not None:
            return self.trained
        training = self.indices("train")
        followed = self.follow_up[training]
        ends = interval_ends(followed, self.config.intervals)
        events, survived = count_outcomes(followed, ends)
        mean, deviation = self.case_bags.scale(training)
        channels, *size = self.case_bags.shape
        seen = DataInfo(
            labels=LabelSet(tuple(f"up to {end:g}" for end in ends), exclusive=False),
            positives=events,
            negatives=survived,
            channels=channels,
            size=tuple(size),
            table=self._columns(training),
            feature_mean=tuple(mean),
            feature_deviation=tuple(deviation),
            tile_features=self.case_bags.tile_features,
        )
        return SurvivalInfo(ends, self.config.time_unit, seen)

    def _columns(self, training: Sequence[int]) -> tuple[TableColumn, ...]:
        cases = [self.table.cases[index] for index in training]
        return fit_columns(self.config.table_features, cases)

    def facts(self) -> dict[str, Any]:
        """The data's part of a checkpoint."""
        return self.info.to_dict()

    @cached_property
    def bag_tiles(self) -> int:
        """Tiles of a case that a training step sees."""
        return self.case_bags.tiles_of_a_step(self.indices("train"))

    def dataset(self, *, training: bool) -> SurvivalDataset:
        """Some tiles of each case while training, else all."""
        most = self.bag_tiles if training else None
        return SurvivalDataset(self.case_bags.dataset(self.follow_up, self.table_rows, most))

    def show(self, indices: Sequence[int]) -> SurvivalBatch:
        """A batch of cases as evaluation sees them, on the CPU."""
        return self.dataset(training=False).__getitems__([Draw(index) for index in indices])

    def picture_of(self, index: int, evidence: NDArray[np.float32] | None = None) -> Picture:
        """The slide of a case, small, with evidence of its tiles; of features alone the features.

        Args:
            index: Position of the case.
            evidence: Of :meth:`evidence_of`.
        """
        return self.case_bags.picture_of(index, evidence)

    def evidence_of(self, index: int, maps: NDArray[np.float32]) -> NDArray[np.float32]:
        """A value a tile; NaN of one that evaluation did not look at."""
        return self.case_bags.evidence_of(index, maps)
