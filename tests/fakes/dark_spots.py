"""A detector that needs no training: it finds what is dark, also what a border has cut."""

import cv2
import numpy as np
import torch
from scipy import ndimage

from datamodules.configs.boxes import BoxesConfig
from datamodules.configs.volume_preprocessing import Rgb, VolumePreprocessing
from datamodules.data_info import DetectionInfo
from experiments.box_predictor import BoxPredictor
from lightning_modules.configs.detector import DetectorConfig
from lightning_modules.detector import Detector
from lightning_modules.networks.detection import Candidates, DetectionNetwork

CLASSES = ("cell", "other")
POINT = {"nms_iou": 0.5, "scores": {name: {"score": 0.3} for name in CLASSES}}


class DarkSpots(DetectionNetwork):
    """A box around each connected part of an image ``(3, h, w)`` in 0..1 that is dark."""

    def __init__(self) -> None:
        super().__init__(8, torch.empty(0))

    def losses(self, images, boxes, labels):
        raise NotImplementedError

    def candidates(self, images):
        return [self._of(image[0].numpy()) for image in images]

    def _of(self, image):
        parts, _ = ndimage.label((image < 0.5) & (image > 0))
        found = [
            (rows.start, columns.start, rows.stop, columns.stop)
            for rows, columns in ndimage.find_objects(parts)
        ]
        return Candidates(
            torch.tensor(found, dtype=torch.float32).reshape(-1, 4),
            torch.full((len(found),), 0.9),
            torch.zeros(len(found), dtype=torch.int64),
        )


def spot_predictor(
    patch: int = 64,
    spacing_mm: tuple[float, float] | None = None,
    largest: float = 12.0,
    models: int = 1,
    **config: object,
) -> BoxPredictor:
    """As if it were trained on images of such a spacing, with spots as large as that."""
    known = spacing_mm is not None
    info = DetectionInfo(
        classes=CLASSES,
        channels=3,
        patch=(patch, patch),
        spacing=spacing_mm or (1.0, 1.0),
        has_spacing=known,
        mirror_axes=(0, 1),
        box_sizes=((largest, largest),),
    )
    modules = []
    for _ in range(models):
        module = Detector(DetectorConfig(**config), info, load_weights=False).eval()
        module.network = DarkSpots()
        module.operating_point = POINT
        modules.append(module)
    data = BoxesConfig(
        preprocessing=VolumePreprocessing(crop_to_nonzero=False, normalisation=Rgb()),
        patch=info.patch,
    )
    return BoxPredictor(modules, data)


def spotted(width: int = 500, height: int = 400, pitch: int = 37, side: int = 11) -> np.ndarray:
    """White glass strewn with dark squares on a lattice, which meets borders in every way."""
    image = np.full((height, width, 3), 240, np.uint8)
    for left, top in spots(width, height, pitch, side):
        image[top : top + side, left : left + side] = 30
    return image


def spots(width: int, height: int, pitch: int = 37, side: int = 11) -> list[tuple[int, int]]:
    """Left and upper edges of the squares."""
    return [
        (left, top)
        for top in range(pitch // 2, height - side, pitch)
        for left in range(pitch // 2, width - side, pitch)
    ]


def enlarged(image: np.ndarray, factor: float) -> np.ndarray:
    """The same on a finer scale."""
    size = round(image.shape[1] * factor), round(image.shape[0] * factor)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_NEAREST))
