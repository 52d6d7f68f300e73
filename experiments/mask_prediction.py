"""What ``experiments.predict`` does with a segmenter: masks of files, and their sizes."""

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from callbacks.predictions import prediction_table, write_predictions
from datamodules.batches import separated
from datamodules.errors import ConfigError, DataError
from datamodules.transforms.dicom_seg_writing import write_dicom_seg
from datamodules.transforms.volume_geometry import VolumeGeometry
from datamodules.transforms.volume_writing import write_volume
from datamodules.volume import Volume
from datamodules.volume_files import find_volumes
from experiments.case_prediction import (
    listed_failures,
    predicted,
    refuse_options,
    tell_failed,
    writing_to,
)
from experiments.figures.mask_overlays import OverlaidCase, mask_overlays
from experiments.figures.style import save
from experiments.file_names import check_file_names, flat_name
from experiments.mask_predictor import MaskPredictor, PredictedMask

TABLE, STRUCTURES = "predictions.csv", "structures.csv"
MASKS, OVERLAYS = "masks", "overlays"
ENDINGS = {"nifti": ".nii.gz", "nrrd": ".nrrd", "mha": ".mha", "png": ".png", "dicom-seg": ".dcm"}


def predict_masks(arguments: Namespace) -> int:
    """Outline every file that can be read; 3 when some could not.

    Raises:
        ConfigError: If something is wrong with the arguments, or the folder cannot be written.
    """
    folder: Path = arguments.output
    refuse_options(arguments, "a segmenter", formats=True)
    predictor = MaskPredictor.load(arguments.run)
    channels = predictor.modules[0].data.channels
    _check_format(arguments.format, len(predictor.modules[0].data.spacing))
    files = find_volumes(arguments.places, channels, output=folder)
    check_file_names(files)
    unit = predictor.modules[0].metrics.units.size

    def outline(name: str) -> PredictedMask:
        found = predictor.predict(files[name])
        _write_masks(arguments, name, files[name][0], found, predictor.structures)
        return found

    with (
        writing_to(folder),
        prediction_table(folder / TABLE, id_column="file") as write,
        listed_failures(folder) as failed,
    ):
        (folder / MASKS).mkdir(exist_ok=True)
        _write_structures(folder / STRUCTURES, predictor)
        for name, found in predicted(files, outline, failed, "Outlining"):
            if arguments.overlays:
                path = folder / OVERLAYS / f"{flat_name(name)}.png"
                path.parent.mkdir(exist_ok=True)
                save(_overlay(name, found, predictor), path)
            sizes = {f"{each}_{unit}": round(size, 6) for each, size in found.sizes.items()}
            write({"file": name, **sizes})
    print(f"{len(files) - len(failed)} of {len(files)} cases outlined: {folder / MASKS}")
    return tell_failed(folder, len(failed))


def _write_masks(
    arguments: Namespace,
    name: str,
    source: Path,
    found: PredictedMask,
    structures: tuple[str, ...],
) -> None:
    """One label map, or a binary mask for each of several structures that may overlap."""
    flat = len(found.image.spatial) == 2
    kind = arguments.format or ("png" if flat else "nifti")
    place: Path = arguments.output / MASKS / f"{flat_name(name)}{ENDINGS[kind]}"
    if kind == "dicom-seg":
        if not source.is_dir():
            raise DataError("DICOM SEG needs a folder with the DICOM series that it refers to")
        write_dicom_seg(place, separated(found.mask, len(structures)), structures, source)
        return
    for mask, ending in _parts(found.mask, structures):
        path = place.with_name(place.name.removesuffix(ENDINGS[kind]) + ending + ENDINGS[kind])
        write_volume(path, Volume(mask, found.image.affine, found.image.has_spacing))


def _parts(
    mask: NDArray[np.uint8], structures: tuple[str, ...]
) -> Iterator[tuple[NDArray[np.uint8], str]]:
    if len(mask) == 1:
        yield mask, ""
        return
    for number, structure in enumerate(structures):
        yield mask[number : number + 1], f"_{flat_name(structure)}"


def _write_structures(path: Path, predictor: MaskPredictor) -> None:
    """Which value of the masks is which structure."""
    exclusive = predictor.modules[0].data.labels.exclusive
    rows = [
        {"value": number if exclusive else 1, "structure": name}
        for number, name in enumerate(predictor.structures, start=1)
    ]
    write_predictions(path, rows)


def _overlay(name: str, found: PredictedMask, predictor: MaskPredictor) -> Any:  # noqa: ANN401
    axes = VolumeGeometry.of(found.image)  # pictures are drawn along those of the patient
    image = axes.to_canonical(found.image.array).astype(np.float32)
    mask = axes.to_canonical(found.mask)
    case = OverlaidCase(name, image, mask, np.zeros_like(mask), axes.spacing)
    return mask_overlays([case], predictor.structures)


def _check_format(kind: str | None, axes: int) -> None:
    if kind == "png" and axes > 2:
        raise ConfigError("--format png is for flat images; a volume takes nifti, nrrd or mha")
