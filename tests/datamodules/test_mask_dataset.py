import numpy as np
import pytest
import torch
from fakes.masked_volumes import segmentation_experiment

from datamodules.mask_dataset import MaskPatches
from datamodules.masks import MasksData
from datamodules.samplers import Draw
from datamodules.windows import is_foreground, place_patch, read_window


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("balls")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIGHTBOX_CACHE", str(root / "cache"))
        data = MasksData(segmentation_experiment(root / "data").data, seed=3)
        data.prepare()
        yield data


def test_window_inside_is_a_copy_and_beyond_it_is_filled():
    volume = np.arange(24.0).reshape(1, 2, 3, 4)
    inside = read_window(volume, np.array([0, 1, 1]), np.array([2, 2, 2]), fill=0)
    assert np.array_equal(inside, volume[:, 0:2, 1:3, 1:3])
    inside[:] = -1
    assert volume.min() == 0
    beyond = read_window(volume, np.array([-1, 1, 3]), np.array([2, 4, 2]), fill=7)
    expected = np.pad(volume, ((0, 0), (1, 1), (0, 2), (0, 2)), constant_values=7)
    assert np.array_equal(beyond, expected[:, 0:2, 1:5, 3:5])


def test_window_that_misses_the_volume_is_all_filled():
    volume = np.ones((1, 2, 2))
    assert (read_window(volume, np.array([5, 0]), np.array([2, 2]), fill=0) == 0).all()


@pytest.mark.parametrize("share", [1 / 3, 0.0, 1.0, 0.5])
@pytest.mark.parametrize("processes", [1, 2, 3, 4, 8])
def test_foreground_has_its_share_of_the_draws_of_every_process(share, processes):
    for rank in range(processes):
        found = [is_foreground(draw, share) for draw in range(rank, 900 * processes, processes)]
        assert sum(found) == pytest.approx(900 * share, abs=20)
        assert max(sum(found[at : at + 30]) for at in range(870)) <= 30 * share + 8


def test_patch_lies_within_a_larger_case_and_around_a_smaller_one():
    chance, shape, patch = np.random.default_rng(0), np.array([20, 5]), np.array([8, 8])
    starts = np.array([place_patch(chance, shape, patch, None) for _ in range(300)])
    assert (starts[:, 0].min(), starts[:, 0].max()) == (0, 12)
    assert set(starts[:, 1]) == {-1}


def test_patch_is_centred_on_a_voxel_as_far_as_the_case_allows():
    chance, shape, patch = np.random.default_rng(0), np.array([20, 20]), np.array([8, 8])
    assert place_patch(chance, shape, patch, np.array([10, 19])).tolist() == [6, 12]


def test_batch_has_the_shapes_and_types_of_the_contract(data):
    batch = data.dataset(training=True).__getitems__([Draw(0, 0, 0), Draw(3, 0, 1)])
    assert (batch["image"].shape, batch["image"].dtype) == ((2, 1, 16, 16, 8), torch.float32)
    assert (batch["mask"].shape, batch["mask"].dtype) == ((2, 1, 16, 16, 8), torch.uint8)
    assert batch["draw"].tolist() == [0, 1]
    assert set(batch["mask"].unique().tolist()) <= {0, 1, 2}


def test_patch_is_a_function_of_seed_epoch_and_draw_alone(data):
    dataset = data.dataset(training=True)
    keys = [Draw(index, 2, 7 + index) for index in range(6)]
    together = dataset.__getitems__(keys)
    for place, key in enumerate(keys):
        alone = dataset.__getitems__([key])
        assert torch.equal(alone["image"][0], together["image"][place])
        assert torch.equal(alone["mask"][0], together["mask"][place])
    other = dataset.__getitems__([keys[0]._replace(epoch=3)])
    assert not torch.equal(other["image"][0], together["image"][0])


def test_forced_foreground_is_in_the_patch(data):
    dataset = data.dataset(training=True)
    forced = [Draw(index, 0, 2) for index in range(len(dataset))]
    assert all(is_foreground(draw.draw, 1 / 3) for draw in forced)
    assert all((dataset.__getitems__([draw])["mask"] > 0).any() for draw in forced)


def test_whole_case_is_what_the_cache_holds(data):
    batch = data.dataset(training=False).__getitems__([Draw(4)])
    assert tuple(batch["image"].shape[2:]) == tuple(data.cache.shapes[4])
    assert np.array_equal(batch["mask"][0].numpy(), data.cache.mask(4))
    assert abs(float(batch["image"].mean())) < 0.01


def test_workers_read_the_same(data):
    loader = data.train_dataloader()
    first = [batch["image"] for batch in loader]
    data.config = data.config.replace(workers=2)
    try:
        assert all(
            torch.equal(a, b["image"]) for a, b in zip(first, data.train_dataloader(), strict=True)
        )
    finally:
        data.config = data.config.replace(workers=0)


def test_windows_that_are_changed_later_give_the_same_patches(data):
    draws = [Draw(index, 1, 4 + index) for index in range(5)]
    dataset = data.dataset(training=True)
    here = dataset.__getitems__(draws)
    windows = MaskPatches(data.cache, dataset.settings, augmented=False).__getitems__(draws)
    assert len({tuple(image.shape) for image in windows["images"]}) > 1
    batch = data.on_before_batch_transfer(windows, 0)
    batch = data.transfer_batch_to_device(batch, torch.device("cpu"), 0)
    later = data.on_after_batch_transfer(batch, 0)
    assert torch.equal(here["image"], later["image"])
    assert torch.equal(here["mask"], later["mask"])
    assert later["case_id"] == [data.table.cases[draw.case].case_id for draw in draws]
