"""Where a classifier looks in films, drawn over them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from datamodules.configs.xrays import XrayPreprocessing
from datamodules.errors import DataError
from datamodules.transforms.xray_geometry import restore
from experiments.array_files import write_map
from experiments.evidence import Evidence, Explained, find_maps
from experiments.overlays import output_path, write_overlay
from experiments.predicted_files import PredictedBatch, failure
from lightning_modules.explanations import MadeBy


class FilmEvidence(Evidence):
    """Evidence in a film: the map is ``(height, width)``."""

    array_ending = ".npy"

    @property
    def peak(self) -> dict[str, int | str]:
        """Column and row in pixels of the file."""
        row, column = self.strongest or ("", "")
        return {"peak_x": column, "peak_y": row}

    def write(self, path: Path) -> None:
        """As npy."""
        write_map(path, self.map)


def draw_evidence(
    module: Explained,
    predicted: PredictedBatch,
    wanted: Sequence[Sequence[str]],
    method: MadeBy,
    preprocessing: XrayPreprocessing,
    folder: Path,
) -> Iterator[tuple[Evidence, Path]]:
    """Evidence for the labels that are wanted of each film, and the place of its picture.

    The grey range is that of the preprocessing, so that a person sees what the network saw. A file
    that cannot be read any more is added to ``predicted.failed``.
    """
    for film, output, maps in find_maps(module, predicted, wanted, method):
        label = module.data.labels.names[output]
        restored = restore(maps[0], film.prepared.prepared.geometry)
        evidence = FilmEvidence(film, label, film.scores[output], method, restored)
        picture = output_path(folder, film.name, label, ".png")
        try:
            write_overlay(
                picture,
                film.prepared.path,
                preprocessing,
                evidence.map,
                evidence.caption,
                evidence.warning,
            )
        except DataError as error:
            if (row := failure(film.name, error)) not in predicted.failed:
                predicted.failed.append(row)
        else:
            yield evidence, picture
