"""The encoder that turns tiles of slides into features, once."""

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from datamodules.errors import ConfigError
from lightning_modules.configs.classifier_networks import TimmEncoderSettings
from lightning_modules.networks.timm_encoders import (
    HUB,
    build_encoder,
    colour_scale,
    colour_scale_of,
)

SEED = 0
"""Of the weights of an encoder without any."""
GREYS = 255
DTYPES = {"32": torch.float32, "bf16": torch.bfloat16, "16": torch.float16}


class FrozenTileEncoder:
    """An encoder of timm as it is, for tiles of any size.

    Args:
        config: Which encoder, and its weights.
        precision: "32", "bf16" or "16": of its numbers.
        device: Where it computes.
    """

    def __init__(
        self, config: TimmEncoderSettings, precision: str = "32", device: str = "cpu"
    ) -> None:
        self.config, self.precision, self.device = config, precision, torch.device(device)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Encoder, weights and normalisation, known without building it."""
        facts: dict[str, Any] = {
            "encoder": self.config.encoder,
            "weights": self._weights(),
            "precision": self.precision,
        }
        if not self.config.encoder.startswith(HUB):  # those of a hub are known once it is built
            facts["mean"], facts["deviation"] = colour_scale(self.config.encoder)
        return facts

    def _weights(self) -> str:
        """What tells these weights from others."""
        if self.config.weights is not None:
            path = Path(self.config.weights)
            if not path.is_file():
                raise ConfigError(f"--data.bags.weights: there is no file {path}")
            with path.open("rb") as file:
                return f"file {hashlib.file_digest(file, 'sha256').hexdigest()}"
        if not self.config.pretrained:
            return f"random, seed {SEED}"
        if self.config.encoder.startswith(HUB):
            return f"published {self.config.encoder}"
        known = timm.get_pretrained_cfg(self.config.encoder)
        return f"published {known.hf_hub_id or known.url or known.tag}" if known else "published"

    @cached_property
    def network(self) -> nn.Module:
        """Built at the first tile.

        Raises:
            ConfigError: If there is no such encoder, or its weights cannot be had.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            network = build_encoder(
                self.config, 3, load_weights=True, any_size=True, option="--data.bags"
            )
        network = network.eval().requires_grad_(False).to(self.device, DTYPES[self.precision])
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network

    @cached_property
    def _scale(self) -> tuple[Tensor, Tensor]:
        scale = colour_scale_of(self.network, self.config.encoder)
        mean, deviation = (torch.tensor(each).view(1, 3, 1, 1) for each in scale)
        factor, shift = 1 / (GREYS * deviation), -mean / deviation
        return factor.to(self.device), shift.to(self.device)

    @torch.inference_mode()
    def encode(self, tiles: NDArray[np.uint8]) -> NDArray[np.float16]:
        """Tiles uint8 RGB ``(n, side, side, 3)`` to features float16 ``(n, D)``."""
        factor, shift = self._scale
        images = torch.from_numpy(tiles).to(self.device, non_blocking=True).permute(0, 3, 1, 2)
        images = (images.float() * factor + shift).to(DTYPES[self.precision])
        features = self._features(images)
        found: NDArray[np.float16] = features.float().cpu().numpy().astype(np.float16)
        return found

    def _features(self, images: Tensor) -> Tensor:
        """Features ``(n, D)``.

        Raises:
            ConfigError: If the encoder does not take tiles of this size, gives no vector for each,
                or the memory does not suffice.
        """
        name, size = self.config.encoder, tuple(images.shape[2:])
        try:
            features: Tensor = self.network(images)
        except torch.OutOfMemoryError as error:
            raise ConfigError(
                f"the memory does not suffice for {len(images)} tiles at once: lower"
                " --data.bags.tiles-at-once"
            ) from error
        except (AssertionError, RuntimeError) as error:
            raise ConfigError(
                f"{name} does not take tiles of {size[0]} x {size[1]} pixels: {error};"
                " set --data.tiles.size to what it was trained with"
            ) from error
        if features.ndim != 2:
            raise ConfigError(
                f"{name} gives {tuple(features.shape[1:])} numbers for a tile, not one vector"
            )
        return features
