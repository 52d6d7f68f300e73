"""Checkpoints of networks that were never trained, with all that prediction asks for."""

from pathlib import Path
from typing import NamedTuple

import torch

from callbacks.checkpoint_files import write_checkpoint
from datamodules.xrays import XraysData
from experiments.experiment import Experiment
from experiments.fingerprint import GUARD, guard_facts, take_fingerprint
from experiments.tasks import build_data, build_module
from lightning_modules.xray_classifier import XrayClassifier


class Untrained(NamedTuple):
    path: Path
    module: XrayClassifier
    data: XraysData


def untrained(experiment: Experiment, path: Path, thresholds: dict[str, float]) -> Untrained:
    """Write a checkpoint with initial weights, and a fingerprint of the training data."""
    data = build_data(experiment)
    data.prepare()
    module = build_module(experiment, data).eval()
    guard = take_fingerprint(module, data, torch.device("cpu"))
    facts = {
        "experiment": experiment.public(),
        "data": data.facts(),
        "operating_point": {name: {"threshold": value} for name, value in thresholds.items()},
        GUARD: guard_facts(guard),
    }
    write_checkpoint({"state_dict": module.state_dict(), "lightbox": facts}, path)
    return Untrained(path, module, data)
