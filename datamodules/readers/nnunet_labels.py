"""The labels of an nnU-Net dataset: values, regions of several values, and one for not known."""

from dataclasses import dataclass

from datamodules.cases import Structure
from datamodules.problems import Kind
from datamodules.readers.case_list import CaseList

BACKGROUND = "background"
IGNORE = "ignore"


@dataclass(frozen=True)
class NnUnetLabels:
    """What label maps have in them.

    Attributes:
        structures: Labels and regions without the background, in the order of the file.
        ignore_value: Value of the label ``ignore``; None: there is none.
    """

    structures: tuple[Structure, ...]
    ignore_value: int | None


def read_labels(labels: object, cases: CaseList, where: str) -> NnUnetLabels:
    """Read ``{"background": 0, "whole tumour": [1, 2], "core": 2, "ignore": 3}``.

    Args:
        labels: What stands under ``labels``.
        cases: Receives what is wrong with it.
        where: Name of the file.
    """
    if not isinstance(labels, dict) or len(labels) < 2:
        fault = "labels is not of the form {'background': 0, 'liver': 1}"
        cases.fault(Kind.LAYOUT, fault, where=where)
        return NnUnetLabels((), None)
    structures, ignore = [], None
    for name, value in labels.items():
        values = _values(value)
        if values is None or (0 in values) != (name == BACKGROUND):
            fault = f"the label '{name}' is {value}, not a value above 0 or a list of such"
            cases.fault(Kind.LABEL, fault, where=where)
        elif name == IGNORE:
            ignore = values[0]
        elif name != BACKGROUND:
            structures.append(Structure(name, values))
    return NnUnetLabels(tuple(structures), ignore)


def _values(value: object) -> tuple[int, ...] | None:
    given: list[object] = value if isinstance(value, list) else [value]
    values = tuple(v for v in given if isinstance(v, int) and not isinstance(v, bool) and v >= 0)
    return values if values and len(values) == len(given) else None
