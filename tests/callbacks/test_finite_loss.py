from types import SimpleNamespace

import pytest
import torch
from fakes.skeletons import SkeletonSegmenter

from callbacks.finite_loss import DivergedError, FiniteLoss

TRAINER = SimpleNamespace(
    global_step=7, strategy=SimpleNamespace(reduce_boolean_decision=lambda value, all: value)
)


def step(callback: FiniteLoss, loss: float) -> None:
    module = SkeletonSegmenter()
    module.losses = {"loss": torch.tensor(loss)}
    callback.on_train_batch_end(TRAINER, module, None, {"case_id": ["a", "b"]}, 0)


def test_finite_losses_pass():
    callback = FiniteLoss()
    step(callback, 1.0)
    callback.on_save_checkpoint(TRAINER, SkeletonSegmenter(), {})


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_the_first_bad_loss_names_its_cases(loss):
    with pytest.raises(DivergedError, match=r"at step 7(.|\n)*a, b"):
        step(FiniteLoss(), loss)


def test_bad_loss_of_another_process_prevents_the_save():
    elsewhere = SimpleNamespace(
        strategy=SimpleNamespace(reduce_boolean_decision=lambda value, all: False)
    )
    with pytest.raises(DivergedError, match="another process"):
        FiniteLoss().on_save_checkpoint(elsewhere, SkeletonSegmenter(), {})
