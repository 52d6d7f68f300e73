"""What a checkpoint says of where it comes from, and the refusal of one from elsewhere."""

from typing import Any

import pytorch_lightning as pl

from datamodules.errors import CheckpointError

KEY = "lightbox"


class Provenance(pl.Callback):
    """Keeps with the weights all that is needed to use them, and checks it at a resume.

    Args:
        facts: Plain values: ``run``, ``experiment``, ``data``, ``splits`` (a hash), ...
        must_match: Names of the facts that a checkpoint to resume from must share.
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
        differing = [name for name in self.must_match if theirs.get(name) != self.facts[name]]
        if differing:
            raise CheckpointError(
                f"the checkpoint does not belong to this run: it differs in {', '.join(differing)}"
            )
