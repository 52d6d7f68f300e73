"""Where a slide classifier looks: tiles in colour over the slide, and as GeoJSON for QuPath."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datamodules.configs.slides import SlideSettings
from datamodules.errors import DataError
from datamodules.slide_features import SlideFeatures
from datamodules.tile_dataset import spread
from datamodules.transforms.slide_reading import open_slide
from experiments.array_files import write_map
from experiments.evidence import SPELT, Evidence, Explained, find_maps
from experiments.overlays import output_path
from experiments.predicted_files import PredictedBatch, failure
from experiments.slide_geojson import write_geojson
from experiments.slide_heatmaps import write_heatmap
from lightning_modules.explanations import MadeBy

LONGEST_SIDE = 2048
"""Of a picture, in pixels."""


@dataclass(frozen=True, eq=False)
class SlideEvidence(Evidence):
    """Evidence in a slide: the map is a value a tile, ``(N,)``.

    Attributes:
        tiles: Where they lie.
    """

    tiles: SlideFeatures

    @property
    def peak(self) -> dict[str, int | str]:
        """Corner of the tile with the strongest evidence, in pixels of the full resolution."""
        if self.strongest is None or not self.placed:
            return {"peak_x": "", "peak_y": ""}
        x, y = self.tiles.coordinates[self.strongest[0]].tolist()
        return {"peak_x": x, "peak_y": y}

    @property
    def placed(self) -> bool:
        """Whether it is known where the tiles lie."""
        return bool(self.tiles.slide.get("placed", True)) and self.tiles.tile_side > 0

    @property
    def array_ending(self) -> str:
        """GeoJSON, or the values alone where nobody knows where the tiles lie."""
        return ".geojson" if self.placed else ".npy"

    def write(self, path: Path) -> None:
        """As GeoJSON, a polygon a tile; or as npy, a value a tile."""
        tiles = self.tiles
        if not self.placed:
            write_map(path, self.map)
            return
        write_geojson(path, tiles.coordinates, tiles.tile_side, self.map, self.method)


def draw_slide_evidence(
    module: Explained,
    predicted: PredictedBatch,
    wanted: Sequence[Sequence[str]],
    method: MadeBy,
    data: SlideSettings,
    folder: Path,
) -> Iterator[tuple[Evidence, Path]]:
    """Evidence for the labels that are wanted of each slide, and the place of its picture.

    Beside each picture lies the GeoJSON of the same name. A slide that cannot be opened any more
    is added to ``predicted.failed``.
    """
    for film, output, values in find_maps(module, predicted, wanted, method):
        label, features = module.data.labels.names[output], film.prepared.features
        if data.bags.kind == "tiles":
            features = chosen_tiles(
                features, spread(len(features.coordinates), data.bags.evaluated)
            )
        evidence = SlideEvidence(
            film, label, film.scores[output], method, np.asarray(values), tiles=features
        )
        picture = output_path(folder, film.name, label, ".png")
        evidence.write(picture.with_suffix(evidence.array_ending))
        if data.reader.lists_features:  # there is no slide to draw it over
            yield evidence, picture.with_suffix(evidence.array_ending)
            continue
        try:
            _draw(picture, film.prepared.path, evidence, data.assumed_um_per_pixel)
        except DataError as error:
            if (row := failure(film.name, error)) not in predicted.failed:
                predicted.failed.append(row)
        else:
            yield evidence, picture


def chosen_tiles(slide: SlideFeatures, chosen: NDArray[np.int64]) -> SlideFeatures:
    """Some of the tiles of a slide."""
    return replace(
        slide,
        features=slide.features[chosen],
        coordinates=slide.coordinates[chosen],
        tissue=slide.tissue[chosen],
    )


def _draw(
    picture: Path, path: Path, evidence: SlideEvidence, assumed_um_per_pixel: float | None
) -> None:
    with open_slide(path, assumed_um_per_pixel) as slide:
        scale = slide.um_per_pixel * max(1.0, max(slide.size) / LONGEST_SIDE)
        thumbnail = slide.thumbnail(scale)
        downsample = slide.size[0] / thumbnail.shape[1]
    write_heatmap(
        picture,
        thumbnail,
        evidence.tiles.coordinates,
        evidence.tiles.tile_side,
        downsample,
        evidence.map,
        evidence.caption,
        evidence.warning,
        meaning=f"{SPELT[evidence.method]}, the strongest tile's being 1",
    )
