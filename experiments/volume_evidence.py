"""Where a classifier looks in volumes: three planes as a picture, and the map as NIfTI."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datamodules.anatomical_planes import grey_panel, panel
from datamodules.transforms.volume_geometry import VolumeGeometry
from datamodules.transforms.volume_writing import write_volume
from datamodules.windows import stitch
from experiments.evidence import Evidence, Explained, find_maps
from experiments.overlays import output_path, write_annotated
from experiments.predicted_files import PredictedBatch
from lightning_modules.explanations import MadeBy


@dataclass(frozen=True, eq=False)
class VolumeEvidence(Evidence):
    """Evidence in a volume: the map is on the grid of the file, ``(i, j, k)``.

    Attributes:
        geometry: Of the file.
    """

    array_ending = ".nii.gz"
    geometry: VolumeGeometry

    @property
    def peak(self) -> dict[str, int | str]:
        """Index of a voxel of the file."""
        i, j, k = self.strongest or ("", "", "")
        return {"peak_i": i, "peak_j": j, "peak_k": k}

    def write(self, path: Path) -> None:
        """As NIfTI in the geometry of the file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_volume(path, self.geometry.as_volume(self.map[None]))


def draw_volume_evidence(
    module: Explained,
    predicted: PredictedBatch,
    wanted: Sequence[Sequence[str]],
    method: MadeBy,
    folder: Path,
) -> Iterator[tuple[Evidence, Path]]:
    """Evidence for the labels that are wanted of each volume, and the place of its picture."""
    for film, output, maps in find_maps(module, predicted, wanted, method):
        label, prepared = module.data.labels.names[output], film.prepared
        geometry: VolumeGeometry = prepared.geometry
        stored = stitch(maps, prepared.starts, np.asarray(geometry.resampled))
        restored = geometry.restore_probabilities(stored[None])[0]
        evidence = VolumeEvidence(
            film, label, film.scores[output], method, restored, geometry=geometry
        )
        picture = output_path(folder, film.name, label, ".png")
        at = np.unravel_index(int(stored.argmax()), stored.shape) if stored.any() else None
        place = [side // 2 for side in stored.shape] if at is None else [int(each) for each in at]
        grey = grey_panel(prepared.image[0], place, geometry.spacing)
        heat = panel(stored, place, geometry.spacing)
        write_annotated(picture, grey, heat, evidence.caption, evidence.warning)
        yield evidence, picture
