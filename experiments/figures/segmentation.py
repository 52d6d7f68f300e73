"""The figures of a segmenter: each case's Dice, agreement of sizes, and masks over images."""

from collections.abc import Callable, Iterator, Sequence
from typing import cast

import numpy as np
import torch
from matplotlib.figure import Figure

from datamodules.mask_dataset import WholeCases
from datamodules.masks import MasksData
from datamodules.samplers import Draw
from experiments.figures.mask_overlays import OverlaidCase, mask_overlays, worst_median_best
from experiments.figures.mask_results import column, dice_distribution, size_agreement
from lightning_modules.base import Row
from lightning_modules.metrics.mask_rows import SegmentationRow
from lightning_modules.metrics.volume_agreement import volume_agreement
from lightning_modules.segmenter import Segmenter


def segmentation_figures(
    module: Segmenter, data: MasksData
) -> Iterator[tuple[str, Callable[[], Figure]]]:
    """Name and drawing of each figure, of the test cases, or else of the validation cases."""
    rows = module.rows.get("test") or module.rows["val"]
    table = [module.table_row(row, module.operating_point) for row in rows]
    typed, units = cast("Sequence[SegmentationRow]", rows), module.metrics.units
    many = len(module.structures) > 1
    yield (
        "dice",
        lambda: dice_distribution(
            {name: column(table, f"dice/{name}" if many else "dice") for name in module.structures}
        ),
    )
    yield (
        "volume_agreement",
        lambda: size_agreement(
            {name: volume_agreement(typed, name, units) for name in module.structures}, units
        ),
    )
    yield "overlays", lambda: overlay_sheet(module, data, rows)


def overlay_sheet(
    module: Segmenter,
    data: MasksData,
    rows: Sequence[Row],
    name_of: Callable[[str], str] = str,
) -> Figure:
    """Worst, median and best case by their mean Dice, predicted anew on the preprocessed grid.

    Args:
        module: Trained.
        data: Has the cases.
        rows: To choose from.
        name_of: Name of a case on the sheet, from its id.
    """
    dice = {row["case_id"]: _mean_dice(module, row) for row in rows}
    known = {case_id: value for case_id, value in dice.items() if not np.isnan(value)}
    chosen = worst_median_best(known or dict.fromkeys(dice, 0.0))
    index_of = {case.case_id: index for index, case in enumerate(data.table.cases)}
    dataset = WholeCases(data.cache)
    cases = []
    for place, case_id in chosen:
        batch = dataset.__getitems__([Draw(index_of[case_id])])
        with torch.inference_mode():
            found = module.segment(batch["image"][0].to(module.device))
        title = f"{place}: {name_of(case_id)}, Dice {dice[case_id]:.3f}"
        image, truth = batch["image"][0].float().numpy(), batch["mask"][0].numpy()
        cases.append(OverlaidCase(title, image, found.mask, truth, found.spacing))
    return mask_overlays(cases, module.structures)


def _mean_dice(module: Segmenter, row: Row) -> float:
    found = module.summarize([row])
    return found.get("dice", float("nan"))
