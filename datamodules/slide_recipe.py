"""What features of tiles are made by: features are kept under it, and models compare it."""

from collections.abc import Mapping
from typing import Any

from datamodules.configs.slides import SlideSettings
from datamodules.errors import ConfigError
from datamodules.tile_encoder import TileEncoder

RECIPE_VERSION = 1
"""Raised when the same settings give other features."""


def recipe_of(config: SlideSettings, encoder: TileEncoder) -> dict[str, Any]:
    """All that the features of a slide depend on, but for the slide, as plain values."""
    return {
        "version": RECIPE_VERSION,
        **encoder.identity,
        "tiles": config.tiles.model_dump(mode="json"),
        "tissue": config.tissue.model_dump(mode="json"),
    }


def check_same_features(trained: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """Look whether features are made as those that a model was trained on.

    Args:
        trained: Recipe of the model; empty where it does not say.
        found: Recipe of what it is to be given.

    Raises:
        ConfigError: If not; says what differs.
    """
    names = [name for name in trained if trained[name] != found.get(name)]
    if not names:
        return
    if "weights" in names and str(trained["weights"]).startswith("file "):
        raise ConfigError(
            "this model's tiles were encoded with the weights of a local file, which a checkpoint"
            " does not carry: name the run folder, whose experiment.yaml says where the file is,"
            f" unchanged (sha256 {str(trained['weights']).removeprefix('file ')[:16]}...)"
        )
    differing = "; ".join(f"{n}: {trained[n]}, and here {found.get(n)}" for n in names)
    raise ConfigError(f"features of tiles are not made as those of the training: {differing}")
