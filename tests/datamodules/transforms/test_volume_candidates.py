import numpy as np
import pytest

from datamodules.candidates import VolumeCandidate
from datamodules.configs.volume_preprocessing import RescaleRange, VolumePreprocessing
from datamodules.configs.volumes import VolumeCandidateCrops
from datamodules.errors import DataError
from datamodules.transforms.volume_candidates import CutCandidates
from datamodules.volume import Volume

SHAPE, SPACING = (40, 36, 24), (1.0, 1.0, 2.0)
CENTRE = (25, 12, 9)
PLAIN = VolumePreprocessing(crop_to_nonzero=False, normalisation=RescaleRange(), order=1)
LPS_OF_RAS = np.array([-1, -1, 1])


def volume(axes=(0, 1, 2), flips=(1, 1, 1)) -> tuple[Volume, np.ndarray]:
    """A ball of 5 mm about CENTRE, stored along other axes; and CENTRE in RAS mm."""
    grid = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), axis=-1)
    ball = (np.linalg.norm((grid - CENTRE) * SPACING, axis=-1) <= 5).astype(np.float32)
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = (-100, 50, 7)
    place = affine[:3, :3] @ CENTRE + affine[:3, 3]
    turn = np.zeros((4, 4))
    turn[3, 3] = 1
    for new, (old, sign) in enumerate(zip(axes, flips, strict=True)):
        turn[old, new] = sign
        if sign < 0:
            turn[old, 3] = SHAPE[old] - 1
    stored = ball.transpose(axes)[tuple(slice(None, None, sign) for sign in flips)]
    return Volume(np.ascontiguousarray(stored)[None], affine @ turn), place


def cut(data: Volume, candidate: VolumeCandidate, **crops: float) -> np.ndarray:
    work = CutCandidates(PLAIN, VolumeCandidateCrops(**crops), (16, 16, 16))
    return work(work.whole(data), candidate).image


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, -1)])
@pytest.mark.parametrize("space", ["ras-mm", "lps-mm", "voxel"])
def test_candidate_is_in_the_middle_however_the_file_runs(axes, flips, space):
    data, place = volume(axes, flips)
    if space == "lps-mm":
        place = place * LPS_OF_RAS
    elif space == "voxel":
        place = np.linalg.solve(data.affine, [*place, 1])[:3]
    context, detail = cut(data, VolumeCandidate(space, tuple(map(float, place))), point_mm=16)
    middle = np.argwhere(detail > 0.5).mean(0)
    assert np.abs(middle - 7.5).max() <= 1.01  # mm: half a voxel of the file
    assert detail.mean() > 5 * context.mean() > 0


def test_detail_of_a_box_is_a_cube_of_its_longest_side():
    data, _ = volume()
    box = VolumeCandidate("voxel", (20.0, 7.0, 7.0), (11.0, 11.0, 5.0))
    wide = cut(data, box, detail=2.0)
    narrow = cut(data, box, detail=1.0)
    assert narrow[1].mean() > 4 * wide[1].mean()
    assert np.allclose(wide[1].mean(), cut(data, box, detail=1.0, context=2.0)[0].mean(), atol=0.01)


def test_context_may_leave_the_volume_and_the_candidate_may_not():
    data, _ = volume()
    shown = cut(data, VolumeCandidate("voxel", (0.0, 0.0, 0.0)), point_mm=30)
    assert shown.shape == (2, 16, 16, 16)
    with pytest.raises(DataError, match=r"voxel 41\.0, 0\.0, 0\.0, which lies outside the volume"):
        cut(data, VolumeCandidate("voxel", (41.0, 0.0, 0.0)))
