"""Bags of the cases of a table: features that are ready, or those of the tiles of slides."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from datamodules.cases import Case, CaseTable, resolve
from datamodules.configs.slides import SlideSettings
from datamodules.errors import ConfigError
from datamodules.feature_store import FeatureStore
from datamodules.ready_features import FeatureFile, bring_in
from datamodules.slide_recipe import recipe_of
from datamodules.splits import ContentHashes
from datamodules.stored_bags import StoredBags
from datamodules.tile_encoder import TileEncoder

Item = TypeVar("Item")
READY = "features"
"""Name of the input of a case whose features are ready."""


def has_ready_features(table: CaseTable) -> bool:
    """Whether the cases are bags of features, and not slides."""
    return any(name.partition("-")[0] == READY for case in table.cases[:1] for name in case.inputs)


def make_bags(table: CaseTable, config: SlideSettings, encoder: TileEncoder | None) -> StoredBags:
    """Find or make the features of every slide.

    Args:
        table: The cases.
        config: How slides are cut into tiles.
        encoder: Of tiles; not needed where features are ready.

    Raises:
        DataError: If slides cannot be used; names each.
    """
    counts = [len(case.inputs) for case in table.cases]
    if has_ready_features(table):
        files = [
            FeatureFile(case.case_id, source, table.root)
            for case in table.cases
            for source in case.inputs.values()
        ]
        store, keys, contents = bring_in(files, table.name)
    else:
        from datamodules.slide_extraction import SlideFile, extract

        if encoder is None:
            raise ConfigError("slides need an encoder of tiles: --data.bags.encoder")
        slides = [
            SlideFile(case.case_id, path)
            for case in table.cases
            for path in slide_paths(table, case)
        ]
        found = extract(slides, config, encoder, first=os.getpid())  # each process elsewhere
        store = FeatureStore(recipe_of(config, encoder))
        keys, contents = [slide.key for slide in found], [slide.content for slide in found]
    paths = [store.file(key) for key in keys]
    return StoredBags(_grouped(paths, counts), _grouped(contents, counts))


def slide_paths(table: CaseTable, case: Case) -> list[Path]:
    """Files of the slides of a case."""
    return [resolve(table.root, source.path) for source in case.inputs.values()]


def contents_of(table: CaseTable, bags: StoredBags) -> ContentHashes:
    """What the slides of each case show, for the comparison of sides."""
    return {case.case_id: own for case, own in zip(table.cases, bags.contents, strict=True)}


def _grouped(items: Sequence[Item], counts: Sequence[int]) -> list[list[Item]]:
    each = iter(items)
    return [[next(each) for _ in range(count)] for count in counts]
