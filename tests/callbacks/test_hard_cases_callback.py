"""Hard-case sampling inside training: what an epoch draws follows the epochs before it."""

import numpy as np
import pytest
import pytorch_lightning as pl
from fakes.skeletons import SkeletonSegmenter
from fakes.tiny_experiment import tiny_experiment

from datamodules.errors import ConfigError
from datamodules.hard_cases import LEAST_IMPORTANCE
from datamodules.samplers import TrainingSampler, label_balanced_weights
from experiments.session import start
from experiments.tasks import build_data


class Witness(pl.Callback):
    """Notes what each epoch went by and drew, and works out for itself how wrong the network was.

    Attributes:
        went_by: Errors in effect, one array an epoch.
        drawn: Cases in order, one list an epoch.
        errors: Error of each case when last drawn, one dict an epoch.
    """

    def __init__(self, data):
        self.data = data
        self.went_by, self.drawn, self.errors = [], [], []

    def on_fit_start(self, trainer, pl_module):
        pl_module.network.register_forward_hook(self.note)

    def on_train_epoch_start(self, trainer, pl_module):
        self.went_by.append(self.data.case_errors.in_effect.copy())
        self.drawn.append([])
        self.errors.append({})

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.batch = batch

    def note(self, network, arguments, output):
        if network.training:
            probability, index = output.logits.sigmoid(), self.batch["index"].tolist()
            wrong = (probability - self.batch["target"]).abs()[:, 0].tolist()
            self.drawn[-1] += index
            self.errors[-1] |= dict(zip(index, wrong, strict=True))


class OtherTask(SkeletonSegmenter):
    def compute_loss(self, batch):
        return {"loss": self.network(batch["image"]).mean()}


@pytest.fixture
def hard(tmp_path):
    tiny = tiny_experiment(tmp_path / "data", epochs=3, patients=20)
    return tiny.replace(data=tiny.data.replace(sampling="hard-cases", workers=2))


def test_each_epoch_is_drawn_by_the_errors_of_those_before(hard):
    data = build_data(hard)
    witness = Witness(data)
    start(hard, data=data, callbacks=[witness])
    train = data.indices("train")
    expected = np.ones(len(data.table.cases))
    for epoch, went_by in enumerate(witness.went_by):
        assert went_by == pytest.approx(expected, abs=1e-6)
        weights = label_balanced_weights(
            data.targets[train],
            exclusive=False,
            importance=LEAST_IMPORTANCE + went_by[train].astype(float),
        )
        sampler = TrainingSampler(train, hard.data.batch_size, hard.seed, weights=weights)
        assert witness.drawn[epoch] == sampler.order(epoch).tolist()
        expected[[*witness.errors[epoch]]] = [*witness.errors[epoch].values()]


def test_task_that_says_nothing_of_its_errors_is_refused(hard):
    with pytest.raises(ConfigError, match="hard-cases; use class-balanced"):
        start(hard, module=OtherTask(), data=build_data(hard))


def test_other_sampling_keeps_no_errors(tmp_path):
    data = build_data(tiny_experiment(tmp_path / "data", epochs=1))
    data.prepare()
    assert data.case_errors is None
