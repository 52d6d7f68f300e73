"""A trained slide classifier applied to slides, or to files of features."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from datamodules.bag_dataset import bag_batch
from datamodules.batches import ClassifierBatch
from datamodules.cases import Case
from datamodules.configs.slides import SlideSettings, TileBags
from datamodules.errors import DataError
from datamodules.feature_formats import read_bag
from datamodules.image_measures import ImageMeasures
from datamodules.readers.named_files import SLIDE_ENDINGS
from datamodules.readers.tile_features import FEATURE_ENDINGS
from datamodules.ready_features import as_stored
from datamodules.samplers import Draw
from datamodules.slide_features import SlideFeatures
from datamodules.slide_measures import measure_slide
from datamodules.slide_recipe import check_same_features, recipe_of
from datamodules.table_features import Value
from datamodules.tile_dataset import read_tiles, spread
from datamodules.tile_encoder import TileEncoder
from datamodules.xray_files import find_files
from experiments.evidence import Evidence
from experiments.predicted_files import PredictedBatch
from experiments.predictor import Predictor
from experiments.slide_evidence import draw_slide_evidence
from experiments.task_kinds.slide_classification import encoder_of, settings_of
from lightning_modules.explanations import MadeBy

log = logging.getLogger("lightbox")


@dataclass(frozen=True, eq=False)
class ReadSlide:
    """A slide whose tiles were encoded.

    Attributes:
        path: Of the slide, or of its features.
        features: Of its tiles.
    """

    path: Path
    features: SlideFeatures


class SlidePredictor(Predictor[Path]):
    """A slide classifier that is ready for slides, or for features where it was trained on such."""

    ahead = 1
    threads = 1  # slides share one encoder, whose reading has threads of its own

    @cached_property
    def data(self) -> SlideSettings:
        """Settings of the data that it was trained on."""
        return settings_of(self.experiment)[1]

    @property
    def _tiles(self) -> TileBags | None:
        """How tiles are seen, where the network is given the tiles themselves."""
        return self.data.bags if self.data.bags.kind == "tiles" else None

    @cached_property
    def encoder(self) -> TileEncoder:
        """What turns tiles into features, as in training."""
        encoder = encoder_of(self.data, str(self.module.device))
        check_same_features(self.seen.tile_features, recipe_of(self.data, encoder))
        return encoder

    def find(self, places: Sequence[Path], output: Path | None = None) -> dict[str, Path]:
        """See the base class."""
        ready = self.data.reader.lists_features
        endings, noun = (FEATURE_ENDINGS, "feature") if ready else (SLIDE_ENDINGS, "slide")
        return find_files(places, output, lambda name: name.lower().endswith(endings), noun)

    def cases(self, files: Mapping[str, Path], table: Path | None) -> list[Case]:
        """See the base class."""
        if self.data.unit == "patient":
            log.warning("the model was trained on patients; each file is judged as one of its own")
        return super().cases(files, table)

    def prepare(self, place: Path) -> ReadSlide:
        """See the base class."""
        if self.data.reader.lists_features:
            features = as_stored(read_bag(place))
        else:
            features = self._encoded(place)
        expected, found = self.seen.channels, features.features.shape[1]
        if self._tiles is None and found != expected:
            raise DataError(
                f"its tiles have {found} features, and the model takes {expected}: they were made"
                " by another encoder"
            )
        return ReadSlide(place, features)

    def _encoded(self, place: Path) -> SlideFeatures:
        """Features of a slide, kept for the next time that they are asked for."""
        from datamodules.slide_extraction import SlideFile, extract_one

        return extract_one(SlideFile(place.stem, place), self.data, self.encoder).features

    @property
    def files_at_once(self) -> int:
        """One, as each may have a hundred thousand tiles."""
        return 1

    def batch(
        self, names: Sequence[str], prepared: Sequence[ReadSlide], table: NDArray[np.float32]
    ) -> ClassifierBatch:
        """See the base class."""
        rows = [torch.from_numpy(self._rows(slide)) for slide in prepared]
        draws = [Draw(number) for number in range(len(prepared))]
        unknown = np.full((len(prepared), 0), np.nan, np.float32)
        batch = bag_batch(torch.cat(rows), [len(own) for own in rows], draws, unknown, table)
        batch["case_id"] = batch["patient_id"] = list(names)
        return batch

    def _rows(self, slide: ReadSlide) -> NDArray[Any]:
        """What the network is given of a slide, a row a tile."""
        if self._tiles is None:
            return np.asarray(slide.features.features, np.float32)
        seen = spread(len(slide.features.coordinates), self._tiles.evaluated)
        assumed = self.data.assumed_um_per_pixel
        tiles = read_tiles([slide.path], [slide.features], seen, assumed)
        return np.ascontiguousarray(tiles.transpose(0, 3, 1, 2))

    def measures_of(self, prepared: ReadSlide, case: Case) -> tuple[ImageMeasures, Value]:
        """See the base class."""
        del case
        return measure_slide(prepared.features), None

    def draw(
        self,
        predicted: PredictedBatch,
        wanted: Sequence[Sequence[str]],
        method: MadeBy,
        folder: Path,
    ) -> Iterator[tuple[Evidence, Path]]:
        """See the base class: tiles in colour over the slide."""
        yield from draw_slide_evidence(self.module, predicted, wanted, method, self.data, folder)
