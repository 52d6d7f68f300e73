import pytest

from datamodules.data_info import DataInfo, LabelSet
from experiments.catalog.volume_classifier import volume_csv
from experiments.experiment import Experiment
from experiments.planned_memory import NetworkMemory
from lightning_modules.configs.volume_networks import ResNet3dConfig

INFO = DataInfo(LabelSet(("tumour",), exclusive=False), (1,), (1,), 1, (96, 96, 96))
SMALL, LARGE = (48, 48, 48), (96, 96, 96)


def memory(gb: float, precision="32") -> NetworkMemory:
    experiment: Experiment = volume_csv()
    network = ResNet3dConfig(depth=10, base_features=8)
    task = experiment.task.replace(network=network)
    trainer = experiment.trainer.replace(precision=precision)
    return NetworkMemory(experiment.replace(task=task, trainer=trainer), INFO, gb)


def test_what_fits_is_what_the_count_says():
    found = memory(1.0)
    images = found.of_step(SMALL).images_in(1.0)
    assert found.fits(SMALL, images)
    assert not found.fits(SMALL, images + 1)


def test_size_of_the_data_does_not_count():
    assert memory(1.0).of_step(SMALL).an_image < memory(1.0).of_step(LARGE).an_image / 6


def test_mixed_precision_holds_about_twice_as_many():
    ratio = memory(1.0, "bf16-mixed").of_step(SMALL).images_in(1.0)
    assert ratio == pytest.approx(2 * memory(1.0).of_step(SMALL).images_in(1.0), rel=0.02)


def test_what_surely_does_not_fit_is_not_counted():
    found = memory(1.0)
    too_many = found.of_step(LARGE).images_in(1.0) * 20
    assert not found.fits(SMALL, too_many)
    assert list(found._known) == [LARGE]


def test_smaller_volume_says_nothing_of_a_larger_one():
    found = memory(1.0)
    found.fits((40, 40, 40), 1)  # seen at full resolution, unlike the larger ones
    assert found.fits(LARGE, found.of_step(LARGE).images_in(1.0))
