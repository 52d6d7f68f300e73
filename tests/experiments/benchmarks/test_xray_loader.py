import numpy as np
import pytest
import torch
from fakes.benchmark_sizes import TINY
from monai.data.meta_obj import get_track_meta
from monai.transforms import Compose

from datamodules.configs.splits import SplitConfig
from datamodules.configs.xrays import XrayAugmentation, XrayPreprocessing, XraysConfig
from datamodules.readers.folder import FolderReader
from datamodules.transforms.xray_preprocessing import normalise
from datamodules.xrays import XraysData
from experiments.benchmarks.films import CLASSES, VALIDATION_FILMS, write_films
from experiments.benchmarks.xray_loader import augmentation, compare, prepared_by_monai

NONE = XrayAugmentation(
    **dict.fromkeys(
        ("rotation_degrees", "translation", "scale", "brightness", "contrast", "gamma", "noise"), 0
    )
)


def test_both_rates_are_of_the_same_rounds_and_keep_their_goals(tmp_path):
    found = list(compare(TINY, tmp_path))
    assert [(each.against, each.measure, each.goal) for each in found] == [
        ("MONAI from PNG", "times the rate", 10),
        ("MONAI on the map", "times the rate", 3.5),
    ]
    assert found[0].ours == found[1].ours
    assert all(len(each.ours) == len(each.other) == TINY.rounds for each in found)
    assert min(found[0].ours + found[0].other + found[1].other) > 0
    assert get_track_meta()


def test_without_random_changes_monai_gives_the_pixels_of_lightbox(tmp_path):
    write_films(tmp_path, 2, 64)
    preprocessing = XrayPreprocessing(size=32)
    config = XraysConfig(
        reader=FolderReader(root=str(tmp_path)),
        split=SplitConfig(test_fraction=0.0),
        preprocessing=preprocessing,
    )
    data = XraysData(config)
    data.prepare()
    ours = normalise(np.asarray(data.cache.images), preprocessing)
    for case, expected in zip(data.table.cases, ours, strict=True):
        transform = prepared_by_monai(NONE, preprocessing)
        found = transform(tmp_path / case.inputs["image"].path)
        grey_level = 1 / 255 / preprocessing.std
        assert found.shape == (1, 32, 32)
        np.testing.assert_allclose(found[0].T, expected, atol=0.51 * grey_level)


def test_monai_changes_a_film_as_much_as_lightbox_does():
    augment = Compose(augmentation(XrayAugmentation(), XrayPreprocessing(), 64)).set_random_state(0)
    film = torch.linspace(0, 1, 64)[None, :, None].expand(1, 64, 64)
    changed = torch.stack([augment(film) for _ in range(50)])
    assert changed.dtype == torch.float32
    assert (changed.std(0) > 0.02).all()


@pytest.mark.parametrize("bits", [12])
def test_films_are_different_16_bit_files_of_two_classes(tmp_path, bits):
    import cv2

    write_films(tmp_path, 6, 48)
    paths = sorted(tmp_path.glob("*/*/*.png"))
    films = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in paths]
    assert {path.parent.name for path in paths} == set(CLASSES)
    assert len({film.tobytes() for film in films}) == len(films) == 6 + VALIDATION_FILMS
    assert {(film.dtype.name, film.shape) for film in films} == {("uint16", (48, 48))}
    assert max(film.max() for film in films) > 2 ** (bits + 3)
