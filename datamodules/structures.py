"""From label maps, or a file a structure, to the mask that a segmenter learns."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.batches import UNKNOWN
from datamodules.cases import Case, CaseTable, Structure
from datamodules.data_info import LabelSet
from datamodules.errors import ConfigError, DataError

MOST_STRUCTURES = 254
SHOWN = 8
"""Values of a label map that an error lists."""


@dataclass(frozen=True)
class Outlines:
    """Which structures are segmented, and how the files say where they are.

    Attributes:
        structures: In the order of the network's outputs.
        known_values: Of label maps: whatever else they hold is a fault.
        ignore_value: Of label maps, where nothing is known.
    """

    structures: tuple[Structure, ...]
    known_values: frozenset[int]
    ignore_value: int | None

    @classmethod
    def of(cls, table: CaseTable, wanted: tuple[str, ...]) -> "Outlines":
        """Those structures of a dataset that are wanted; empty: all.

        Raises:
            ConfigError: If one is not there, or the dataset has no masks.
        """
        there = _by_name(table)
        if not there:
            raise ConfigError(f"{table.name} has no masks to learn from")
        for name in wanted:
            if name not in there:
                near = get_close_matches(name, there, n=1)
                raise ConfigError(
                    f"--data.structures: {table.name} has no '{name}'"
                    + (f"; did you mean '{near[0]}'?" if near else "")
                    + f"\nIt has: {', '.join(there)}"
                )
        chosen = tuple(there[name] for name in wanted or there)
        if len(chosen) > MOST_STRUCTURES:
            raise ConfigError(f"{len(chosen)} structures are more than {MOST_STRUCTURES}")
        return cls(chosen, _known_values(table), table.ignore_value)

    @classmethod
    def of_model(cls, table: CaseTable, names: tuple[str, ...]) -> "Outlines":
        """The structures of a trained model; where a dataset does not outline one, it is unknown.

        Raises:
            DataError: If the dataset outlines none of them.
        """
        there = _by_name(table)
        chosen = tuple(there.get(name, Structure(name)) for name in names)
        found = cls(chosen, _known_values(table), table.ignore_value)
        if there.keys().isdisjoint(names) or not any(map(found.annotate, table.cases)):
            has = f"has masks of {', '.join(there)}" if there else "has no masks"
            raise DataError(
                f"{table.name} {has}, and the model outlines {', '.join(names)}: no case can be"
                " scored; give masks, and call what they show as the model does"
            )
        return found

    def caveats(self, table: CaseTable, trained: LabelSet) -> list[str]:
        """Say, for the report, what of a dataset cannot be scored, and what may be another thing.

        Args:
            table: The dataset.
            trained: What the model tells apart.
        """
        lines = [
            f"{table.name} does not outline '{name}': how well it is found is not known."
            for name in self.names
            if name not in _by_name(table)
        ]
        if without := sum(not self.annotate(case) for case in table.cases):
            lines.append(f"Cases without a mask, which are left out: {without}.")
        known = [structure for structure in self.structures if structure.values]
        if len(known) > 1 and _share_values(known) == trained.exclusive:
            do = "overlap" if trained.exclusive else "exclude one another"
            lines.append(
                f"Structures of {table.name} {do}, unlike those of the training data: one name may"
                " stand for two things; give each the values that it had in training."
            )
        return lines

    @property
    def names(self) -> tuple[str, ...]:
        """Of the structures."""
        return tuple(structure.name for structure in self.structures)

    @property
    def overlapping(self) -> bool:
        """Whether a voxel may belong to several of them."""
        return any(not each.values for each in self.structures) or _share_values(self.structures)

    @property
    def labels(self) -> LabelSet:
        """What the network tells apart."""
        return LabelSet(self.names, exclusive=not self.overlapping)

    @property
    def channels(self) -> int:
        """Of a mask."""
        return len(self.structures) if self.overlapping else 1

    def annotate(self, case: Case) -> bool:
        """Whether a case has a mask of any of them; a label map has those with values."""
        if "mask" in case.targets:
            return any(structure.values for structure in self.structures)
        return any(name in case.targets.get("masks", {}) for name in self.names)

    def from_label_map(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """The mask ``(M, *spatial)`` of a label map ``(*spatial)``; see ``MaskBatch``.

        A structure without values is unknown: a label map says nothing about it.

        Raises:
            DataError: If it holds a value that is nobody's; the message is the reason only.
        """
        found = np.unique(values)
        if strange := [value for value in found.tolist() if value not in self.known_values]:
            known = _listed(sorted(self.known_values))
            raise DataError(f"it has {_listed(strange)}, and the labels are {known}")
        mask = np.zeros((self.channels, *values.shape), np.uint8)
        for number, structure in enumerate(self.structures):
            inside = np.isin(values, structure.values)
            if self.overlapping:
                mask[number] = inside if structure.values else UNKNOWN
            else:
                mask[0][inside] = number + 1
        if self.ignore_value is not None:
            mask[:, values == self.ignore_value] = UNKNOWN
        return mask

    def from_masks(self, masks: dict[str, NDArray[Any]]) -> NDArray[np.uint8]:
        """The mask ``(L, *spatial)`` of one binary mask a structure; one that is absent is unknown.

        Raises:
            DataError: If none of the structures has a mask.
        """
        own = [masks.get(name) for name in self.names]
        first = next((mask for mask in own if mask is not None), None)
        if first is None:
            raise DataError(f"it has a mask of none of {', '.join(self.names)}")
        unknown = np.full(first.shape, UNKNOWN, np.uint8)
        return np.stack([unknown if m is None else (m != 0).astype(np.uint8) for m in own])


def _by_name(table: CaseTable) -> dict[str, Structure]:
    return {structure.name: structure for structure in table.structures}


def _share_values(structures: Sequence[Structure]) -> bool:
    values = [value for structure in structures for value in structure.values]
    return len(set(values)) < len(values)


def _known_values(table: CaseTable) -> frozenset[int]:
    values = {value for structure in table.structures for value in structure.values}
    return frozenset({0, *values, *_given(table.ignore_value)})


def _given(value: int | None) -> Iterable[int]:
    return () if value is None else (value,)


def _listed(values: list[Any]) -> str:
    shown = ", ".join(f"{value:g}" for value in values[:SHOWN])
    return shown + (f" and {len(values) - SHOWN} more" if len(values) > SHOWN else "")
