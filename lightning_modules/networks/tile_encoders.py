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
from lightning_modules.networks.timm_encoders import build_encoder, colour_scale

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
        mean, deviation = colour_scale(self.config.encoder)
        return {
            "encoder": self.config.encoder,
            "weights": self._weights(),
            "mean": mean,
            "deviation": deviation,
            "precision": self.precision,
        }

    def _weights(self) -> str:
        """What tells these weights from others."""
        if self.config.weights is not None:
            path = Path(self.config.weights)
            if not path.is_file():
                raise ConfigError(f"--data.bags.weights: there is no file {path}")
            with path.open("rb") as file:
                return f"file {hashlib.file_digest(file, 'sha256').hexdigest()}"
        return f"timm {timm.__version__}" if self.config.pretrained else f"random, seed {SEED}"

    @cached_property
    def network(self) -> nn.Module:
        """Built at the first tile.

        Raises:
            ConfigError: If there is no such encoder, or its weights cannot be had.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            network = build_encoder(self.config, 3, load_weights=True)
        network = network.eval().requires_grad_(False).to(self.device, DTYPES[self.precision])
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network

    @cached_property
    def _scale(self) -> tuple[Tensor, Tensor]:
        scale = colour_scale(self.config.encoder)
        mean, deviation = (torch.tensor(each).view(1, 3, 1, 1) for each in scale)
        factor, shift = 1 / (GREYS * deviation), -mean / deviation
        return factor.to(self.device), shift.to(self.device)

    @torch.inference_mode()
    def encode(self, tiles: NDArray[np.uint8]) -> NDArray[np.float16]:
        """Tiles uint8 RGB ``(n, side, side, 3)`` to features float16 ``(n, D)``."""
        factor, shift = self._scale
        images = torch.from_numpy(tiles).to(self.device, non_blocking=True).permute(0, 3, 1, 2)
        images = (images.float() * factor + shift).to(DTYPES[self.precision])
        features: Tensor = self.network(images)
        found: NDArray[np.float16] = features.float().cpu().numpy().astype(np.float16)
        return found
