"""Encoders of timm by name, with published, local or no weights; errors say how to get them."""

import socket
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import torch
from huggingface_hub import constants
from torch import nn

from datamodules.errors import ConfigError
from lightning_modules.configs.classifier_networks import TimmEncoderSettings
from lightning_modules.networks.encoder_layers import map_layer

PROBE_SECONDS = 3.0
HUB = "hf-hub:"
"""How names begin that timm looks for in the hub, and in its cache."""


@contextmanager
def _as_if_absent(module: str) -> Iterator[None]:
    """Make an import of a module fail, where it is optional and not wanted."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[module]


with _as_if_absent("wandb"):  # timm loads it for programs of its own: half a second
    import timm


def build_encoder(
    config: TimmEncoderSettings,
    channels: int,
    *,
    load_weights: bool,
    any_size: bool = False,
    option: str = "--task.network",
) -> nn.Module:
    """Build an encoder that returns one feature vector a case.

    Args:
        config: Settings.
        channels: Image channels; timm sums the first layer's published weights for one channel.
        load_weights: False when the weights of a checkpoint follow.
        any_size: Let a transformer take images of another size than it was trained with.
        option: Where its settings are, for messages.

    Raises:
        ConfigError: If there is no such encoder, or its weights cannot be had.
    """
    if load_weights:
        check_encoder(config)
    wanted = load_weights and (config.pretrained or config.weights is not None)
    overlay = {"file": config.weights} if config.weights is not None else None
    sizes: dict[str, Any] = (
        {"dynamic_img_size": True} if any_size and is_transformer(config.encoder) else {}
    )
    if not wanted:
        made = timm.create_model(config.encoder, in_chans=channels, num_classes=0, **sizes)
        return _from_scratch(made)
    try:
        with _offline_without_network():
            return timm.create_model(
                config.encoder,
                pretrained=True,
                pretrained_cfg_overlay=overlay,
                in_chans=channels,
                num_classes=0,
                **sizes,
            )
    except Exception as error:
        raise ConfigError(_missing_weights(config, error, option)) from error


def is_transformer(name: str) -> bool:
    """Whether an encoder is a vision transformer that can take images of any size."""
    return name.startswith(HUB) or timm.models.model_entrypoint(name).__module__.endswith(
        "vision_transformer"
    )


def _from_scratch(encoder: nn.Module) -> nn.Module:
    """Initial weights for short trainings.

    timm starts the last normalisation of each residual block at zero, which suits long ones: on
    the drawn films a ResNet-18 then reaches a test AUROC of .84 in ten epochs, and .98 without.
    """
    for layer in encoder.modules():
        if isinstance(layer, nn.BatchNorm2d) and layer.affine:
            nn.init.ones_(layer.weight)
    return encoder


def check_encoder(config: TimmEncoderSettings) -> None:
    """Look whether an encoder and its local weights exist, without building it.

    Raises:
        ConfigError: If not; names the nearest encoders.
    """
    check_name(config.encoder)
    if config.weights is not None and not Path(config.weights).is_file():
        raise ConfigError(f"--task.network.weights: there is no file {config.weights}")


def colour_scale(name: str) -> tuple[list[float], list[float]]:
    """Mean and deviation of colours in 0..1 that an encoder's published weights expect."""
    known = timm.get_pretrained_cfg(name) if timm.is_model(name) else None
    mean = getattr(known, "mean", timm.data.IMAGENET_DEFAULT_MEAN)
    deviation = getattr(known, "std", timm.data.IMAGENET_DEFAULT_STD)
    return list(mean), list(deviation)


def colour_scale_of(encoder: nn.Module, name: str) -> tuple[list[float], list[float]]:
    """As :func:`colour_scale`, of a built encoder, which knows more where it is from a hub."""
    known = getattr(encoder, "pretrained_cfg", {})
    mean, deviation = colour_scale(name)
    return list(known.get("mean") or mean), list(known.get("std") or deviation)


def check_has_map(name: str) -> None:
    """Look whether an encoder exists and has a spatial map, without giving it weights.

    Raises:
        ConfigError: If not; names the nearest encoders, or says what is needed.
    """
    check_name(name)
    with torch.device("meta"):
        map_layer(timm.create_model(name, num_classes=0))


def check_name(name: str) -> None:
    """Look whether there is an encoder of this name.

    Raises:
        ConfigError: If not; names the nearest.
    """
    if name.startswith(HUB):
        return
    if not timm.is_model(name):
        near = get_close_matches(name, timm.list_models())
        raise ConfigError(
            f"timm has no encoder '{name}'" + (f"; near it are {', '.join(near)}" if near else "")
        )


@contextmanager
def _offline_without_network() -> Iterator[None]:
    """Use only the cache when the hub cannot be reached; its own retries take 46 seconds."""
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or not _hub_answers()
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _hub_answers() -> bool:
    if urllib.request.getproxies():
        return True
    try:
        with socket.create_connection((urlsplit(constants.ENDPOINT).hostname, 443), PROBE_SECONDS):
            return True
    except OSError:
        return False


def _missing_weights(config: TimmEncoderSettings, error: Exception, option: str) -> str:
    reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
    if config.weights is not None:
        return f"{option}.weights: the file does not hold weights of {config.encoder}: {reason}"
    return (
        f"the published weights of {config.encoder} cannot be had: {reason}\nEither\n"
        "  - run once where there is a network, and copy ~/.cache/huggingface here:\n"
        f"    python -c \"import timm; timm.create_model('{config.encoder}', pretrained=True)\"\n"
        f"  - or give a local file: {option}.weights FILE.safetensors\n"
        f"  - or go without them: {option}.pretrained False"
    )
