"""The fingerprint of a run's training data: taken once, kept in its checkpoint, compared with."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning.utilities import move_data_to_device
from torch import Tensor

from datamodules.base import TaskDataModule
from datamodules.cases import Case, Source, resolve
from datamodules.errors import CheckpointError
from datamodules.film_measures import FilmMeasures, measure_film
from datamodules.input_guard import InputGuard, SeenFilm
from datamodules.parallel import map_in_order
from datamodules.samplers import Draw
from datamodules.table_features import Value
from datamodules.transforms.xray_acquisition import read_acquisition
from datamodules.transforms.xray_geometry import Geometry
from datamodules.xrays import XraysData
from lightning_modules.base import TaskModule
from lightning_modules.xray_classifier import XrayClassifier

log = logging.getLogger("lightbox")

GUARD = "guard"
"""Where a checkpoint keeps the fingerprint, among its facts."""
OUTSIDE = "outside_training_data"
"""Column that says why a film is outside; empty where it is not."""
MOST_CASES = 2000
"""Cases of a split that are looked at; of more, so many are drawn, always the same."""


def take_fingerprint(
    module: TaskModule, data: TaskDataModule, device: torch.device
) -> InputGuard | None:
    """Learn what the training films are like, and on validation how strict to be.

    Args:
        module: With its final weights; moved to the device.
        data: Prepared.
        device: Where features are computed.

    Returns:
        None for a task that has none, or if something goes wrong, which is logged.
    """
    if not isinstance(module, XrayClassifier) or not isinstance(data, XraysData):
        return None
    try:
        training, validation = (
            see_films(module, data, _drawn(data.indices(split)), device)
            for split in ("train", "val")
        )
        guard = InputGuard.fit(training, validation)
    except Exception as error:  # whatever it is, no finished run is lost for it
        log.warning("no fingerprint of the training data: %s: %s", type(error).__name__, error)
        return None
    log.info(
        "fingerprint of %d training films; of %d validation films %d are outside it",
        len(training),
        guard.validated,
        guard.flagged,
    )
    return guard


def judge_cases(
    guard: InputGuard, module: XrayClassifier, data: XraysData, split: str, device: torch.device
) -> dict[str, tuple[str, ...]]:
    """Why each case of a split is outside the training data, by case id; empty: it is not."""
    reasons: dict[str, tuple[str, ...]] = {}
    indices = data.indices(split)
    for start in range(0, len(indices), MOST_CASES):
        some = indices[start : start + MOST_CASES]
        judged = iter(guard.judge(see_films(module, data, some, device)))
        for index in some:
            found = [reason for _ in data.rows_of(index) for reason in next(judged)]
            reasons[data.table.cases[index].case_id] = tuple(dict.fromkeys(found))
    return reasons


def see_films(
    module: XrayClassifier, data: XraysData, indices: Sequence[int], device: torch.device
) -> list[SeenFilm]:
    """What a guard looks at, of every image of some cases, in their order.

    Args:
        module: Moved to the device; left in the mode that it is in.
        data: Prepared.
        indices: Positions of the cases in its table.
        device: Where features are computed.
    """
    places = [
        _Place(data.table.cases[index], row, source)
        for index in indices
        for row, source in zip(
            data.rows_of(index), data.table.cases[index].inputs.values(), strict=True
        )
    ]
    features = [own for batch in _features(module, data, indices, device) for own in batch]
    looks = map_in_order(lambda place: _look(data, place), places)
    return [
        SeenFilm(measures, own, view) for (measures, view), own in zip(looks, features, strict=True)
    ]


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


class _Place(NamedTuple):
    """One image of a case: its row in the cache, and where it came from."""

    case: Case
    row: int
    source: Source


def _look(data: XraysData, place: _Place) -> tuple[FilmMeasures, Value]:
    image = np.asarray(data.cache.images[place.row])
    film = image if image.ndim == 2 else image[0]  # of a candidate: its context
    geometry = Geometry.from_dict(data.cache.geometry(place.row))
    acquisition = read_acquisition(resolve(data.table.root, place.source.path))
    view = place.case.attributes.get("view") or acquisition.view
    return measure_film(film, geometry, acquisition.spacing_mm), view


def _features(
    module: XrayClassifier, data: XraysData, indices: Sequence[int], device: torch.device
) -> Iterator[NDArray[np.float32]]:
    """Features of each image, ``(N, D)`` a batch."""
    dataset, size = data.dataset(training=False), data.config.batch_size
    was_training = module.training
    module.to(device).eval()
    for start in range(0, len(indices), size):
        batch = dataset.__getitems__([Draw(index) for index in indices[start : start + size]])
        batch = move_data_to_device(batch, device)
        with torch.inference_mode():
            seen = module.network.look(batch["image"], batch.get("detail"))
        yield seen.summary.float().cpu().numpy()
    module.train(was_training)


def _drawn(indices: list[int]) -> list[int]:
    if len(indices) <= MOST_CASES:
        return indices
    return sorted(np.random.default_rng(0).choice(indices, MOST_CASES, replace=False).tolist())


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
