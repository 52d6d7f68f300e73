"""Reading, resampling and rescaling volumes, once for each case, beside MONAI's transforms."""

from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
from monai.transforms.compose import Compose
from monai.transforms.intensity.dictionary import ScaleIntensityRanged
from monai.transforms.io.dictionary import LoadImaged
from monai.transforms.spatial.dictionary import Spacingd
from numpy.typing import NDArray

from datamodules.errors import LightboxError
from datamodules.transforms.resampling import resample_from_first_voxel
from datamodules.transforms.volume_reading import read_volume
from experiments.benchmarks.comparison import Comparison
from experiments.benchmarks.sizes import Sizes
from experiments.benchmarks.timing import interleaved, seconds

SPACING, TARGET = (0.9, 0.9, 2.5), (1.2, 1.2, 1.5)
LOW, HIGH = -200.0, 300.0
AGREEMENT = 1e-5
VOLUMES = 4


def compare(sizes: Sizes, folder: Path) -> Iterator[Comparison]:
    """Seconds for the same voxels, from compressed NIfTI files to 0..1."""
    paths = write_volumes(folder, sizes.volume)
    monai = Compose(
        [
            LoadImaged("image", ensure_channel_first=True),
            Spacingd("image", TARGET, mode="bilinear"),
            ScaleIntensityRanged("image", LOW, HIGH, 0.0, 1.0, clip=True),
        ]
    )
    for path in paths:
        ours, other = prepare(path), np.asarray(monai({"image": path})["image"])
        if ours.shape != other.shape or np.abs(ours - other).max() > AGREEMENT:
            raise LightboxError("the two programs do not give the same voxels")
    times = interleaved(
        {
            "ours": lambda: seconds(lambda: [prepare(path) for path in paths]),
            "other": lambda: seconds(lambda: [monai({"image": path}) for path in paths]),
        },
        sizes.rounds,
    )
    size = " x ".join(map(str, sizes.volume))
    subject = f"read, resample, rescale {len(paths)} volumes of {size}"
    peer = "LoadImaged + Spacingd + ScaleIntensityRanged"
    yield Comparison(subject, "s", times["ours"], "times faster", 4, peer, times["other"])


def prepare(path: Path) -> NDArray[np.float32]:
    """A volume at the target spacing with grey values in 0..1, float32 ``(1, *spatial)``."""
    volume = read_volume(path)
    image = resample_from_first_voxel(volume.array, volume.spacing, TARGET)
    np.subtract(image, LOW, out=image)
    np.divide(image, HIGH - LOW, out=image)
    return np.clip(image, 0.0, 1.0, out=image)


def write_volumes(folder: Path, shape: tuple[int, ...]) -> list[Path]:
    """Compressed NIfTI files of smooth random grey values."""
    rng = np.random.default_rng(0)
    waves = [np.sin(np.linspace(0, 9, size)) for size in shape]
    smooth = 200 * waves[0][:, None, None] * waves[1][:, None] * waves[2]
    paths = []
    for number in range(VOLUMES):
        grey = (smooth + rng.normal(0, 40, shape)).astype(np.int16)
        path = folder / f"{number}.nii.gz"
        nibabel.save(nibabel.Nifti1Image(grey, np.diag([*SPACING, 1.0])), path)
        paths.append(path)
    return paths
