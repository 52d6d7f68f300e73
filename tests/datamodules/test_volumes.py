import numpy as np
import pytest
import torch
from fakes.labelled_volumes import volume_experiment

from datamodules.configs.volumes import (
    CroppedFit,
    PatchesFit,
    ResizedFit,
    VolumeCandidateCrops,
    VolumesConfig,
)
from datamodules.errors import DataError
from datamodules.samplers import Draw
from datamodules.volumes import VolumesData

RESIZED = ResizedFit(size=(16, 16, 16))
CROPPED = CroppedFit(size=(16, 16, 16))
PATCHES = PatchesFit(size=(8, 8, 8), per_volume=3)


def prepared(root, fit, **changes) -> VolumesData:
    config = volume_experiment(root, fit=fit).data.replace(**changes)
    data = VolumesData(config, seed=3)
    data.prepare()
    return data


def train_batch(data: VolumesData, *draws: Draw):
    return data.dataset(training=True).__getitems__(draws)


@pytest.mark.parametrize("fit", [RESIZED, CROPPED], ids=["resize", "crop"])
def test_volume_is_seen_whole_in_one_size(tmp_path, fit):
    data = prepared(tmp_path, fit)
    batch = data.show([0, 1, 2])
    assert batch["image"].shape == (3, 1, 16, 16, 16)
    assert "case_of" not in batch
    assert batch["target"].tolist() == [[0], [1], [0]]
    assert train_batch(data, Draw(0, 1, 0), Draw(1, 1, 1))["image"].shape == (2, 1, 16, 16, 16)


def test_resized_volume_is_what_is_stored(tmp_path):
    data = prepared(tmp_path, RESIZED)
    stored = torch.from_numpy(np.array(data.image_of(4))).float()
    assert torch.equal(data.show([4])["image"][0], stored)
    assert data.info.size == (16, 16, 16)
    assert data.info.channels == 1


def test_cropped_volume_is_the_middle_and_padded_with_its_lowest_value(tmp_path):
    data = prepared(tmp_path, CroppedFit(size=(8, 8, 32)))
    stored = np.array(data.image_of(0), np.float32)[0]
    (shown,) = data.show([0])["image"].numpy()
    start = (np.array(stored.shape) - (8, 8, 32)) // 2
    inside = shown[0][:, :, -start[2] : -start[2] + stored.shape[2]]
    expected = stored[start[0] : start[0] + 8, start[1] : start[1] + 8]
    assert np.array_equal(inside, expected)
    assert (shown[0][:, :, 0] == expected.min()).all()


def test_patches_of_a_volume_belong_to_it(tmp_path):
    data = prepared(tmp_path, PATCHES)
    batch = train_batch(data, Draw(0, 1, 0), Draw(1, 1, 1))
    assert batch["image"].shape == (6, 1, 8, 8, 8)
    assert batch["case_of"].tolist() == [0, 0, 0, 1, 1, 1]
    shown = data.show([5])
    starts = data.dataset(training=False).starts(5)
    assert len(shown["image"]) == len(starts) == len(shown["case_of"])
    assert data.evaluation_batch_size == 1


def test_patches_of_evaluation_cover_the_volume(tmp_path):
    data = prepared(tmp_path, PATCHES)
    starts, shape = data.dataset(training=False).starts(2), data.cache.shapes[2]
    covered = np.zeros(shape, bool)
    for i, j, k in starts:
        covered[i : i + 8, j : j + 8, k : k + 8] = True
    assert covered.all()
    assert (starts >= 0).all()
    assert (starts + 8 <= shape).all()


def test_patches_without_foreground_are_left_out(tmp_path):
    fit = PATCHES.replace(foreground="otsu", least_foreground=0.2)
    data = prepared(tmp_path, fit)
    grid = len(data.dataset(training=False).starts(1))
    everything = prepared(tmp_path, PATCHES)
    assert 0 < grid < len(everything.dataset(training=False).starts(1))
    batch = train_batch(data, *(Draw(1, 1, n) for n in range(8)))
    assert batch["image"].amax((1, 2, 3, 4)).min() > 1  # the ball is in each of them


def test_change_is_a_function_of_seed_epoch_and_draw_whatever_else_is_in_the_batch(tmp_path):
    data = prepared(tmp_path, PATCHES)
    one = train_batch(data, Draw(0, 2, 7))["image"]
    both = train_batch(data, Draw(3, 2, 6), Draw(0, 2, 7))["image"]
    assert torch.equal(both[3:], one)
    assert not torch.equal(train_batch(data, Draw(0, 2, 8))["image"], one)
    assert not torch.equal(train_batch(data, Draw(0, 3, 7))["image"], one)


def test_what_a_gpu_would_change_is_what_a_worker_changes(tmp_path):
    from datamodules.volume_dataset import VolumeDataset, augment_volumes

    data = prepared(tmp_path, PATCHES)
    draws = [Draw(0, 2, 7), Draw(1, 2, 8)]
    whole = train_batch(data, *draws)
    apart = VolumeDataset(
        data.cache, data.targets, data.table_rows, data._view, training=True, augmented=False
    ).__getitems__(draws)
    assert "image" not in apart
    changed = augment_volumes(apart, [(2, 7), (2, 8)], data._view)
    assert torch.allclose(changed["image"], whole["image"], atol=1e-5)
    assert changed["case_of"].tolist() == whole["case_of"].tolist()


def test_evidence_of_patches_lies_where_they_were(tmp_path):
    data = prepared(tmp_path, PATCHES)
    starts = data.dataset(training=False).starts(3)
    maps = np.zeros((len(starts), 8, 8, 8), np.float32)
    maps[-1, 4, 5, 6] = 1
    found = data.evidence_of(3, maps)
    assert found.shape == tuple(data.cache.shapes[3])
    assert np.argwhere(found == 1).tolist() == [(starts[-1] + (4, 5, 6)).tolist()]


def test_picture_has_three_planes_in_true_proportions(tmp_path):
    data = prepared(tmp_path, CROPPED)
    image, evidence = data.picture_of(1)
    assert image.dtype == np.uint8
    assert evidence is None
    heat = np.zeros(data.cache.shapes[1], np.float32)
    heat[3, 4, 5] = 1
    image, evidence = data.picture_of(1, heat)
    assert image.shape == evidence.shape
    assert evidence.max() > 0.5


def test_table_features_and_counts_are_those_of_training(tmp_path):
    data = prepared(tmp_path, RESIZED, table_features=("age",))
    assert data.info.table_width == 2  # its value, and whether it is missing
    assert data.show([0, 1])["table"].shape == (2, 2)
    training = data.indices("train")
    assert data.info.positives == (int(data.targets[training].sum()),)


def test_external_dataset_with_other_channels_is_refused(tmp_path):
    data = prepared(tmp_path, RESIZED)
    known = data.info
    other = VolumesData(data.config, trained=type(known)(**{**vars(known), "channels": 2}))
    with pytest.raises(DataError, match="have 1 channels, and the model takes 2"):
        other.prepare(held_out=True)


def test_spacing_that_would_have_no_effect_is_refused():
    with pytest.raises(ValueError, match="no effect where volumes are resized"):
        VolumesConfig(preprocessing={"spacing_mm": (1, 1, 1)})


def test_flat_image_is_no_volume(tmp_path):
    from PIL import Image

    config = volume_experiment(tmp_path, cases=4).data
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "flat.png")
    table = tmp_path / "volumes.csv"
    table.write_text(table.read_text().replace("v03.nii.gz", "flat.png"))
    with pytest.raises(DataError, match="2 axes, and a volume has 3"):
        VolumesData(config).prepare()


def test_of_a_candidate_the_context_is_measured(tmp_path):
    experiment = volume_experiment(tmp_path)
    table = tmp_path / "volumes.csv"
    head, *lines = table.read_text().splitlines()
    table.write_text("\n".join([f"{head},i,j,k", *(f"{line},9,8,5" for line in lines)]) + "\n")
    reader = experiment.data.reader.replace(candidate_columns=("i", "j", "k"))
    crops = VolumeCandidateCrops(point_mm=10, context=2)
    data = VolumesData(experiment.data.replace(reader=reader, candidates=crops), seed=3)
    data.prepare()
    ((measures, view),) = data.measures_of(0)
    assert view is None
    assert len(measures.thumbnail) == 8**3
    assert measures.values["left-right extent"] == pytest.approx(20, abs=0.6)
    assert measures.values["down-up extent"] == pytest.approx(20, abs=0.9)
