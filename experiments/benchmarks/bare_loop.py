"""The bare loop of PyTorch that a training step under Lightbox is held against, and their work."""

import copy
import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from lightning_modules.base import Batch
from lightning_modules.configs.optimizers import AdamWConfig
from lightning_modules.optimizers import build_optimizer

PIXELS, BATCH_SIZE = 28, 32
EPOCHS = 4
OPTIMIZER = AdamWConfig(lr=1e-3)
CLIP = 1.0


@dataclass(frozen=True)
class Work:
    """What both train: initial weights, training batches, one batch for validation."""

    network: nn.Module
    batches: list[Batch]
    validation: Batch

    @classmethod
    def of(cls, steps: int) -> "Work":
        """Draw it."""
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.Flatten(), nn.Linear(PIXELS * PIXELS, 64), nn.ReLU(), nn.Linear(64, 1)
        )
        batches = [_draw_batch(number) for number in range(steps + 1)]
        return cls(network, batches[:-1], batches[-1])


def _draw_batch(number: int) -> Batch:
    target = (torch.arange(BATCH_SIZE) % 2).float()[:, None]
    return {
        "image": torch.randn(BATCH_SIZE, 1, PIXELS, PIXELS) + 0.1 * target[:, :, None, None],
        "target": target,
        "index": torch.arange(BATCH_SIZE) + number * BATCH_SIZE,
    }


def loss_and_scalars(network: nn.Module, batch: Batch) -> tuple[dict[str, Tensor], Tensor]:
    """The loss with six more scalars, and the probabilities, which both programs calculate."""
    logits, target = network(batch["image"]), batch["target"]
    probability = logits.detach().sigmoid()
    called = (probability >= 0.5).float()
    scalars = {
        "loss": F.binary_cross_entropy_with_logits(logits, target),
        "accuracy": (called == target).float().mean(),
        "called": called.mean(),
        "prevalence": target.mean(),
        "probability": probability.mean(),
        "brier": (probability - target).square().mean(),
        "largest_logit": logits.detach().abs().amax(),
    }
    return scalars, probability


def batch_loader(batches: list[Batch]) -> DataLoader[Any]:
    """Batches that are in memory already; what loading costs is measured elsewhere."""
    source: Any = batches
    return DataLoader(source, batch_size=None, collate_fn=lambda batch: batch)


def bare_epochs(work: Work) -> tuple[nn.Module, list[float]]:
    """Train without Lightbox and without Lightning; the network, and seconds of each epoch."""
    network, times = copy.deepcopy(work.network), []
    optimizer, schedule = build_optimizer(OPTIMIZER, network, None, EPOCHS * len(work.batches))
    parameters = [each for group in optimizer.param_groups for each in group["params"]]
    for _ in range(EPOCHS):
        start = time.perf_counter()
        network.train()
        for batch in batch_loader(work.batches):
            scalars, _ = loss_and_scalars(network, batch)
            optimizer.zero_grad()
            scalars["loss"].backward()
            nn.utils.clip_grad_norm_(parameters, CLIP)
            optimizer.step()
            schedule.step()
        network.eval()
        with torch.inference_mode():
            network(work.validation["image"])
        times.append(time.perf_counter() - start)
    return network, times
