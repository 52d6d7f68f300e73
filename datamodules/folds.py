"""Folds of a cross-validation: one is held out, and all that is chosen is chosen on the others."""

from collections.abc import Sequence

from datamodules.configs.splits import SplitConfig
from datamodules.errors import DataError
from datamodules.stratified_draw import Unit, draw_folds, draw_stratified


def hold_out(units: Sequence[Unit], config: SplitConfig) -> dict[str, str]:
    """Hold one fold out as the test set; validation is drawn from what is left.

    Args:
        units: Cases that stay together.
        config: Folds, which of them, the share of validation, and the seed. The folds do not
            depend on which of them is held out.

    Returns:
        ``train``, ``val`` or ``test`` for every case id.

    Raises:
        DataError: If there are too few units for a fold each, and for training and validation.
    """
    assert config.folds is not None
    assert config.fold is not None
    folds: list[list[Unit]] = []
    if len(units) >= config.folds:
        folds = draw_folds(units, config.folds, by_site=config.by_site, seed=config.seed)
    if not folds or len(units) - max(map(len, folds)) < 2:
        raise DataError(
            f"too few patients ({len(units)}) to divide into {config.folds} folds, and what is not"
            " held out into training and validation, without one being on two sides"
        )
    held_out = folds.pop(config.fold - 1)
    rest = [unit for fold in folds for unit in fold]
    inner = draw_stratified(
        rest, {"val": config.val_fraction}, by_site=config.by_site, seed=config.seed
    )
    return inner | {case.case_id: "test" for unit in held_out for case in unit}


def fold_notices(config: SplitConfig, closed: int) -> list[str]:
    """Say, for the report, which fold is held out; empty without folds.

    Args:
        config: Says which.
        closed: Official test cases.
    """
    if config.folds is None:
        return []
    notices = [f"Fold {config.fold} of {config.folds} is held out as the test split."]
    if closed:
        notices.append(
            f"The {closed} official test cases stay closed: folds are drawn from the official"
            " training and validation cases only."
        )
    return notices
