"""The fingerprint of a run's training data: taken once, kept in its checkpoint, compared with."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning.utilities import move_data_to_device
from torch import Tensor

from datamodules.base import TaskDataModule
from datamodules.errors import CheckpointError
from datamodules.input_guard import InputGuard, SeenImage
from datamodules.labelled import LabelledData
from datamodules.parallel import map_in_order
from lightning_modules.base import TaskModule
from lightning_modules.classifier import Classifier

log = logging.getLogger("lightbox")

GUARD = "guard"
"""Where a checkpoint keeps the fingerprint, among its facts."""
OUTSIDE = "outside_training_data"
"""Column that says why an image is outside; empty where it is not."""
AT_ONCE = 2000
"""Cases that are judged together."""


def take_fingerprint(
    module: TaskModule, data: TaskDataModule, device: torch.device
) -> InputGuard | None:
    """Learn what the training images are like, and on validation how strict to be.

    Args:
        module: With its final weights; moved to the device.
        data: Prepared.
        device: Where features are computed.

    Returns:
        None for a task that has none, or if something goes wrong, which is logged.
    """
    if not isinstance(module, Classifier) or not isinstance(data, LabelledData):
        return None
    try:
        training, validation = (
            list(chain(*see_cases(module, data, _drawn(data, split), device)))
            for split in ("train", "val")
        )
        guard = InputGuard.fit(data.image_kind, training, validation)
    except Exception as error:  # whatever it is, no finished run is lost for it
        log.warning("no fingerprint of the training data: %s: %s", type(error).__name__, error)
        return None
    log.info(
        "fingerprint of %d training %s; of %d of validation %d are outside it",
        len(training),
        data.image_kind.noun,
        guard.validated,
        guard.flagged,
    )
    return guard


def judge_cases(
    guard: InputGuard, module: Classifier, data: LabelledData, split: str, device: torch.device
) -> dict[str, tuple[str, ...]]:
    """Why each case of a split is outside the training data, by case id; empty: it is not."""
    reasons: dict[str, tuple[str, ...]] = {}
    indices = data.indices(split)
    for start in range(0, len(indices), AT_ONCE):
        some = indices[start : start + AT_ONCE]
        for index, images in zip(some, see_cases(module, data, some, device), strict=True):
            found = [reason for judged in guard.judge(images) for reason in judged]
            reasons[data.table.cases[index].case_id] = tuple(dict.fromkeys(found))
    return reasons


def see_cases(
    module: Classifier, data: LabelledData, indices: Sequence[int], device: torch.device
) -> list[list[SeenImage]]:
    """What a guard looks at, of every image of each of some cases: films of an exam are several.

    Args:
        module: Moved to the device; left in the mode that it is in.
        data: Prepared.
        indices: Positions of the cases in its table.
        device: Where features are computed.
    """
    features = [own for batch in _features(module, data, indices, device) for own in batch]
    looks = list(map_in_order(data.measures_of, indices))
    pairs = list(zip(chain(*looks), features, strict=True))
    seen = iter(SeenImage(measures, own, view) for (measures, view), own in pairs)
    return [list(islice(seen, len(own))) for own in looks]


def guard_facts(guard: InputGuard | None) -> dict[str, Any] | None:
    """A guard as a checkpoint keeps it: tensors and plain values."""
    return None if guard is None else _with_tensors(guard.to_dict())


def guard_from(facts: Mapping[str, Any]) -> InputGuard | None:
    """The guard among the facts of a checkpoint; None where there is none.

    Raises:
        CheckpointError: If it is not what this version writes.
    """
    if (kept := facts.get(GUARD)) is None:
        return None
    try:
        return InputGuard.from_dict(_with_arrays(kept))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            "the fingerprint of the training data in the checkpoint was not written by this version"
            f" of Lightbox: {error}"
        ) from error


def _features(
    module: Classifier, data: LabelledData, indices: Sequence[int], device: torch.device
) -> Iterator[NDArray[np.float32]]:
    """Features of each image that is judged by itself, ``(N, D)`` a batch."""
    size, was_training = data.evaluation_batch_size, module.training
    module.to(device).eval()
    for start in range(0, len(indices), size):
        batch = move_data_to_device(data.show_judged(indices[start : start + size]), device)
        with torch.inference_mode():
            yield module(batch).features.float().cpu().numpy()
    module.train(was_training)


def _drawn(data: LabelledData, split: str) -> list[int]:
    """Cases of a split that are looked at: always the same."""
    indices, most = data.indices(split), data.most_judged
    if len(indices) <= most:
        return indices
    return sorted(np.random.default_rng(0).choice(indices, most, replace=False).tolist())


def _with_tensors(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: torch.from_numpy(value)
        if isinstance(value, np.ndarray)
        else _with_tensors(value)
        if isinstance(value, dict)
        else value
        for name, value in values.items()
    }


def _with_arrays(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value.numpy()
        if isinstance(value, Tensor)
        else _with_arrays(value)
        if isinstance(value, dict)
        else value
        for name, value in values.items()
    }
