"""Whether images are of the kind that a trained segmenter, detector or landmarker takes."""

from datamodules.cases import CaseTable
from datamodules.data_info import DetectionInfo, SegmentationInfo
from datamodules.errors import DataError
from datamodules.landmark_info import LandmarkInfo
from datamodules.mask_cases import MaskedCaseFiles
from datamodules.volume import Volume

TrainedInfo = SegmentationInfo | DetectionInfo | LandmarkInfo
"""What a trained model knew of its data."""


def check_image(image: Volume, known: TrainedInfo) -> None:
    """Look whether an image has the channels, axes and unit of length of those trained on.

    Raises:
        DataError: If not; the message is the reason only.
    """
    if len(image.array) != known.channels:
        raise DataError(f"it has {len(image.array)} channels, and the model takes {known.channels}")
    if len(image.spatial) != len(known.spacing):
        raise DataError(
            f"it has {len(image.spatial)} axes, and the model was trained on images of"
            f" {len(known.spacing)}"
        )
    if image.has_spacing != known.has_spacing:
        which = "has no spacing" if known.has_spacing else "has a spacing in mm"
        raise DataError(f"it {which}, unlike the images that the model was trained on")


def check_first_image(table: CaseTable, known: TrainedInfo) -> None:
    """Look at one image before all are prepared, which takes a while and finds them alike.

    Raises:
        DataError: If it is not of the kind that the model takes.
    """
    case = table.cases[0]
    try:
        image = MaskedCaseFiles(case, table.root).read_image()
    except DataError:
        return  # preparing lists every file that cannot be read
    try:
        check_image(image, known)
    except DataError as error:
        raise DataError(f"{table.name}, case '{case.case_id}': {error}") from error
