"""What a checkpoint says of where it comes from, and the refusal of one from elsewhere."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytorch_lightning as pl

from datamodules.errors import CheckpointError

KEY = "lightbox"


class Provenance(pl.Callback):
    """Keeps with the weights all that is needed to use them, and checks it at a resume.

    Args:
        facts: Plain values: ``run``, ``experiment``, ``data``, ``splits`` (a hash), ...
        must_match: Names of the facts that a checkpoint to resume from must share; of a mapping
            what both have, as newer code may know more settings.
    """

    def __init__(self, facts: dict[str, Any], must_match: tuple[str, ...]) -> None:
        self.facts, self.must_match = facts, must_match

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add the facts."""
        del trainer, pl_module
        checkpoint[KEY] = self.facts

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Refuse a checkpoint of another run, configuration or split.

        Raises:
            CheckpointError: Says what differs.
        """
        del trainer, pl_module
        theirs = checkpoint.get(KEY, {})
        differing = [
            place for name in self.must_match for place in _differing(theirs, self.facts, name)
        ]
        if differing:
            raise CheckpointError(
                f"the checkpoint does not belong to this run: it differs in {', '.join(differing)}"
            )


def _differing(theirs: Mapping[str, Any], ours: Mapping[str, Any], name: str) -> Iterator[str]:
    if not isinstance(theirs.get(name), dict) or name == "data":
        if theirs.get(name) != ours[name]:
            yield name
        return
    for each in theirs[name].keys() & ours[name].keys():
        if theirs[name][each] != ours[name][each]:
            yield f"{name} ({each})"
