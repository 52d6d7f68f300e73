"""Which rows of PadChest's table are used: by projection, by who labelled them, by their labels."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from difflib import get_close_matches
from typing import Literal, get_args

from datamodules.problems import Kind
from datamodules.readers.padchest_labels import UNUSABLE, parse_labels
from datamodules.readers.tables import Table, is_missing

PHYSICIAN, NETWORK = "Physician", "RNN_model"

Projection = Literal["PA", "AP", "AP_horizontal", "L", "COSTAL", "EXCLUDE", "UNK"]
PROJECTIONS: tuple[str, ...] = get_args(Projection)


def choose_rows(
    table: Table,
    projections: Collection[str],
    only_physicians: bool,
    add: Callable[[Kind, int, str], None],
    notices: list[str],
) -> dict[int, frozenset[str]]:
    """Labels of the rows that are asked for and fit for use, by their positions.

    Args:
        table: The table of images.
        projections: Those to use.
        only_physicians: Leave out rows that the authors' text network labelled.
        add: Receives the kind, position and message of each cell that cannot be understood; a row
            with labels that cannot be read is chosen without any.
        notices: Receives how many rows are left out, by the reason.
    """
    chosen: dict[int, frozenset[str]] = {}
    views: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    cells = table.cells("Labels")
    parsed = {cell: parse_labels(cell) for cell in dict.fromkeys(cells)}
    rows = zip(table.cells("Projection"), table.cells("MethodLabel"), cells, strict=True)
    for at, (view, method, cell) in enumerate(rows):
        labels = parsed[cell]
        if fault := _fault(view, PROJECTIONS) or _fault(method, (PHYSICIAN, NETWORK)):
            add(Kind.LABEL, at, fault)
        elif view not in projections:
            views["none given" if is_missing(view) else view] += 1
        elif only_physicians and method != PHYSICIAN:
            left_out["not labelled by a physician"] += 1
        elif labels is None:
            add(Kind.LABEL, at, f"the labels {cell} are no list such as ['nodule', 'scoliosis']")
            chosen[at] = frozenset()
        elif unusable := [word for word in UNUSABLE if word in labels]:
            left_out[f"labelled '{unusable[0]}'"] += 1
        else:
            chosen[at] = labels
    if views:
        listed = ", ".join(f"{view} {n}" for view, n in sorted(views.items()))
        notices.append(f"Images of other projections, left out: {views.total()} ({listed}).")
    notices += [f"Images {why}, left out: {n}." for why, n in sorted(left_out.items())]
    return chosen


def _fault(cell: str, allowed: Sequence[str]) -> str | None:
    if cell in allowed or is_missing(cell):
        return None
    near = get_close_matches(cell, allowed, n=1)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return f"'{cell}' is none of {', '.join(allowed)}{hint}"
