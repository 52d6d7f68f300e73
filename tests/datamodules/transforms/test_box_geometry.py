import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from datamodules.candidates import VolumeCandidate
from datamodules.configs.volume_augmentation import VolumeAugmentation
from datamodules.transforms.box_geometry import change_boxes, clip_boxes, voxels_of, world_box
from datamodules.transforms.volume_augmentation import augment
from datamodules.transforms.volume_geometry import VolumeGeometry
from datamodules.transforms.volume_parameters import draw_parameters, source_window
from datamodules.volume import Volume
from datamodules.windows import read_window

AXIS_ORDERS = [
    (order, signs)
    for order in ([0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0])
    for signs in np.array(np.meshgrid(*[[1, -1]] * 3)).T.reshape(-1, 3).tolist()
]


def box_of(mask: np.ndarray) -> list[float]:
    places = np.argwhere(mask)
    return [*places.min(axis=0).tolist(), *(places.max(axis=0) + 1).tolist()]


@pytest.mark.parametrize("patch", [(40, 48), (20, 24, 28)])
@settings(max_examples=40, deadline=None)
@given(draw=st.integers(0, 10**6), mirror=st.booleans(), turns=st.sampled_from([0.0, 1.0]))
def test_boxes_agree_with_the_changed_mask_of_the_box(
    patch: tuple[int, ...], draw: int, mirror: bool, turns: float
) -> None:
    axes = len(patch)
    generator = np.random.default_rng(draw)
    shape = np.array(patch) + 30
    low = (shape * 0.35).astype(int) + generator.integers(-3, 4, axes)
    high = low + generator.integers(5, 10, axes)
    mask = np.zeros((1, *shape), np.uint8)
    mask[(0, *(slice(a, b) for a, b in zip(low, high, strict=True)))] = 1
    config = VolumeAugmentation(
        rotation_probability=turns,
        rotation_degrees=30,
        scale_probability=1,
        mirror=None if mirror else (),
    )
    parameters = draw_parameters(config, 0, [(0, draw)], patch, (1.0,) * axes)
    start = generator.integers(5, 25, axes)
    size = source_window(parameters, patch)[0]
    window = read_window(mask, start - (size - np.array(patch)) // 2, size, fill=0)
    image = torch.zeros((1, *window.shape[1:]))
    _, changed = augment([image], [torch.from_numpy(window)], parameters, patch)
    box = np.array([[*low, *high]], np.float32)
    moved = change_boxes(box, parameters.matrix[0], start, patch)
    clipped, share = clip_boxes(moved, patch)
    if share[0] < 0.999:
        return
    seen = changed[0, 0].numpy()
    assert seen.any()
    found = np.array(box_of(seen))
    # A corner that is turned to the outside holds less than half of the voxel it ends in.
    slack = 1.01 if turns == 0 else 3.0
    assert np.abs(found - clipped[0]).max() <= slack


@pytest.mark.parametrize(("order", "signs"), AXIS_ORDERS)
def test_boxes_of_any_orientation_come_back(order: list[int], signs: list[int]) -> None:
    affine = np.eye(4)
    affine[:3, :3] = (np.diag([0.8, 1.1, 2.5]) @ np.diag(signs))[order]
    mask = np.zeros((1, 20, 24, 28), np.uint8)
    mask[0, 3:9, 5:16, 10:14] = 1
    geometry = VolumeGeometry.of(Volume(mask, affine))
    box = np.array([[3, 5, 10, 9, 16, 14]], np.float32)
    prepared = geometry.prepare_boxes(box)
    assert prepared[0].tolist() == box_of(geometry.to_canonical(mask)[0])
    assert geometry.restore_boxes(prepared).tolist() == box.tolist()


def test_crop_and_resampling_are_undone() -> None:
    whole = VolumeGeometry.of(Volume(np.zeros((1, 100, 200)), np.eye(4), has_spacing=False))
    values = {**whole.to_dict(), "start": [10, 20], "cropped": [80, 160], "resampled": [40, 40]}
    geometry = VolumeGeometry.from_dict(values)
    prepared = geometry.prepare_boxes(np.array([[10, 20, 90, 180], [30, 60, 50, 100]]))
    assert prepared.tolist() == [[0, 0, 40, 40], [10, 10, 20, 20]]
    assert geometry.restore_boxes(prepared).tolist() == [[10, 20, 90, 180], [30, 60, 50, 100]]


def test_no_boxes_stay_no_boxes() -> None:
    geometry = VolumeGeometry.of(Volume(np.zeros((1, 8, 8)), np.eye(4)))
    assert geometry.prepare_boxes(np.empty((0, 4))).shape == (0, 4)
    assert change_boxes(np.empty((0, 4), np.float32), np.eye(2), [0, 0], (8, 8)).shape == (0, 4)


def test_clipping_tells_what_is_left() -> None:
    boxes = np.array([[-5, 0, 5, 10], [2, 2, 4, 4], [20, 20, 30, 30]], np.float32)
    clipped, share = clip_boxes(boxes, (10, 10))
    assert share.tolist() == [0.5, 1.0, 0.0]
    assert clipped[0].tolist() == [0, 0, 5, 10]


def test_place_in_mm_is_a_box_of_voxels() -> None:
    affine = np.diag([-2.0, -2.0, 3.0, 1.0])  # LPS, as LUNA16 has it
    place = VolumeCandidate("lps-mm", (10.0, 20.0, 30.0), (4.0, 4.0, 6.0))
    assert voxels_of(place, affine) == [5.5, 10.5, 10.5, 7.5, 12.5, 12.5]


def test_place_in_voxels_begins_with_its_voxel() -> None:
    place = VolumeCandidate("voxel", (1, 2, 3), (4, 5, 6))
    assert voxels_of(place, np.diag([9.0, 9.0, 9.0, 1.0])) == [1, 2, 3, 5, 7, 9]


def test_box_in_mm_and_back() -> None:
    affine = np.array([[0, -2.0, 0, 7], [1.5, 0, 0, -3], [0, 0, 4.0, 1], [0, 0, 0, 1]])
    box = [2.0, 3.0, 4.0, 8.0, 5.0, 6.0]
    low = world_box(box, affine)
    size = tuple(high - start for start, high in zip(low[:3], low[3:], strict=True))
    assert voxels_of(VolumeCandidate("ras-mm", tuple(low[:3]), size), affine) == pytest.approx(box)
