"""The input guard on volumes of a drawn anatomy, prepared as files and training cases are."""

from dataclasses import replace

import numpy as np
import pytest
from fakes.trunks import CT, MR, SHAPE, scan, trunk
from scipy.ndimage import gaussian_filter

from datamodules.configs.volume_preprocessing import (
    CtWindow,
    Normalisation,
    VolumePreprocessing,
    ZScore,
)
from datamodules.configs.volumes import ResizedFit, VolumesConfig
from datamodules.input_guard import InputGuard, SeenImage
from datamodules.readers.csv_table import CsvReader
from datamodules.volume import Volume
from datamodules.volume_cases import PrepareForClassifier
from datamodules.volume_content import as_stored
from datamodules.volume_measures import VOLUMES, measure_volume


class Guarded:
    """A guard, and how volumes come before it; each is described by its blocks, as by a network."""

    def __init__(self, normalisation: Normalisation) -> None:
        self.prepare = PrepareForClassifier(
            VolumesConfig(
                reader=CsvReader(),
                preprocessing=VolumePreprocessing(
                    crop_to_nonzero=False, normalisation=normalisation
                ),
                fit=ResizedFit(size=(24, 24, 24)),
            )
        )
        training = [self.see(scan(trunk(n), seed=n)) for n in range(60)]
        validation = [self.see(scan(trunk(n), seed=n)) for n in range(60, 75)]
        self.guard = InputGuard.fit(VOLUMES, training, validation)

    def see(self, volume: Volume) -> SeenImage:
        prepared = self.prepare(volume)
        stored = as_stored(prepared.image)
        blocks = stored[0].astype(np.float32).reshape(4, 6, 4, 6, 4, 6).mean((1, 3, 5))
        return SeenImage(measure_volume(stored, prepared.geometry), blocks.ravel())

    def judge(self, volume: Volume) -> str:
        (reasons,) = self.guard.judge([self.see(volume)])
        return "; ".join(reasons)


@pytest.fixture(scope="module", params=[CtWindow(low=-1000, high=400), ZScore()])
def guarded(request) -> Guarded:
    return Guarded(request.param)


def test_volume_like_those_of_training_is_seldom_flagged(guarded):
    judged = [guarded.judge(scan(trunk(n), seed=n)) for n in range(75, 135)]
    assert sum(map(bool, judged)) <= 3
    assert guarded.guard.flagged <= 1


def test_lungs_alone_are_of_another_extent(guarded):
    said = guarded.judge(scan(trunk(200)[:, :, SHAPE[2] // 2 :]))
    assert "shorter than training volumes: down-up extent 2" in said
    assert "mm, training 4" in said
    assert "wider" not in said


def test_thicker_slices_are_of_coarser_voxels(guarded):
    said = guarded.judge(scan(trunk(201)[:, :, ::3], (9.0, 9.0, 36.0)))
    assert "of coarser voxels than training volumes: down-up spacing 3" in said
    assert "extent" not in said


def test_file_without_a_voxel_size_is_flagged_for_that_only(guarded):
    volume = replace(scan(trunk(202)), affine=np.eye(4), has_spacing=False)
    assert guarded.judge(volume) == (
        "without the voxel sizes of training volumes: axes with a known spacing 0, training 3 to 3"
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda array: -900 - array,
        lambda array: array[:, :, ::-1],
        lambda array: array[:, ::-1],
        lambda array: trunk(1, CT | {"lung": 40, "liver": 40}),
    ],
    ids=["inverted", "upside-down", "front-to-back", "another part"],
)
def test_other_layout_is_flagged(guarded, change):
    said = guarded.judge(scan(np.ascontiguousarray(change(trunk(203)))))
    assert "inverted, turned, or of another part than training volumes: correlation" in said


def test_other_modality_is_flagged(guarded):
    assert "training volumes" in guarded.judge(scan(trunk(204, MR, noise=15.0)))


def test_noise_and_a_smooth_volume_are_flagged_with_the_reason(guarded):
    noise = np.random.default_rng(0).normal(0, 300, SHAPE).astype(np.float32)
    assert "sharper or noisier than training volumes: sharpness" in guarded.judge(scan(noise))
    smooth = gaussian_filter(trunk(205), 3)
    assert "smoother than training volumes: sharpness" in guarded.judge(scan(smooth))


def test_volume_of_air_is_flagged_with_the_reason(guarded):
    array = trunk(206)
    array[:, :, 6:] = -1000
    said = guarded.judge(scan(array))
    assert "with more air or empty space than training volumes: share of the darkest" in said


def test_the_same_file_along_other_axes_is_nothing_unusual(guarded):
    volume = scan(trunk(207))
    turned = np.ascontiguousarray(volume.array.transpose(0, 3, 1, 2))
    affine = volume.affine[:, [2, 0, 1, 3]]
    assert guarded.judge(Volume(turned, affine, True)) == guarded.judge(volume) == ""


def test_guard_survives_its_own_dictionary(guarded):
    images = [guarded.see(scan(trunk(209)[:, :, ::-1].copy())), guarded.see(scan(trunk(210)))]
    again = InputGuard.from_dict(guarded.guard.to_dict())
    assert again.kind is VOLUMES
    assert again.judge(images) == guarded.guard.judge(images)
    assert any(again.judge(images))
