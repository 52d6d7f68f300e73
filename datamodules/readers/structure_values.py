"""Structures as settings: ``liver=1,2`` says which values of the label map a structure has."""

import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator

from datamodules.cases import Structure
from datamodules.readers.label_columns import twins

HIGHEST_VALUE = 65535

_WRITTEN = re.compile(r"([^=]*[^=\s])\s*=\s*(\d+(\s*,\s*\d+)*)")


def parse_structure(text: str) -> Structure:
    """Read ``name``, which has masks of its own, or ``name=1,2``, its values in a label map.

    Raises:
        ValueError: If it is neither.
    """
    if "=" not in text and text.strip():
        return Structure(text.strip())
    match = _WRITTEN.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"'{text}' is no structure; write it as liver=1 or tumour=2,3")
    values = tuple(dict.fromkeys(int(value) for value in match[2].split(",")))
    if 0 in values or max(values) > HIGHEST_VALUE:
        raise ValueError(f"'{text}': values are 1 to {HIGHEST_VALUE}; 0 is the background")
    return Structure(match[1].strip(), values)


def parse_structures(texts: Sequence[str]) -> tuple[Structure, ...]:
    """Read several, in order.

    Raises:
        ValueError: If one is none, if two have one name, or if only some have values.
    """
    structures = tuple(parse_structure(text) for text in texts)
    names = [structure.name for structure in structures]
    if len(set(names)) < len(names) or twins(names):
        raise ValueError(f"the structures {', '.join(names)} need different names")
    if len({bool(structure.values) for structure in structures}) > 1:
        raise ValueError("give each structure its values (liver=1), or none of them")
    return structures


def _parsable(texts: tuple[str, ...]) -> tuple[str, ...]:
    parse_structures(texts)
    return texts


StructureTexts = Annotated[tuple[str, ...], AfterValidator(_parsable)]
"""Setting of several structures as ``name=value,value``, or as names alone."""
