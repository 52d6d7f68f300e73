"""What has to be known of the inside of an encoder: its stages, its stem, its map of features."""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from datamodules.errors import ConfigError
from lightning_modules.configs.classifier_networks import TimmEncoderSettings

LEAST_STAGE = 0.01
"""Share of an encoder's weights below which a part is no stage of its own."""
SMALL_IMAGE = 64
"""Below this many pixels a stem that reduces four times leaves too little to look at."""


def feature_length(
    encoder: nn.Module, name: str, shape: tuple[int, ...], *, pooled: bool = True
) -> int:
    """Number of features, seen from one empty image: timm's own number is not always it.

    Args:
        encoder: Its running statistics stay as they are.
        name: Of the encoder, for the message.
        shape: Channels and size of an image, of two or three axes.
        pooled: Features of the whole image; False: of its map, which may have others.

    Raises:
        ConfigError: If the encoder does not take images of this shape.
    """
    try:
        with torch.no_grad():
            image = torch.zeros(1, *shape)
            encoder.eval()
            features = encoder(image) if pooled else feature_map(encoder, image)
    except (AssertionError, RuntimeError, ValueError) as error:
        size = " x ".join(map(str, shape[1:]))
        what = f"images of {size} pixels" if len(shape) == 3 else f"volumes of {size} voxels"
        raise ConfigError(f"{name} does not take {what}: {error}") from error
    encoder.train()
    return int(features.shape[1])


def feature_map(encoder: nn.Module, images: Tensor) -> Tensor:
    """Features at every place, ``(B, C, h, w)``, before the encoder pools them."""
    found: Tensor = cast("nn.Module", encoder.forward_features)(images)
    return found


def map_layer(encoder: nn.Module) -> str:
    """Name, within the encoder, of the last layer with a spatial map.

    Raises:
        ConfigError: If the encoder has no map with channels first (a transformer).
    """
    channels_last = getattr(encoder, "output_fmt", "NCHW") != "NCHW"
    if channels_last or hasattr(encoder, "pos_embed"):
        raise ConfigError("a map of evidence needs a convolutional encoder, with channels first")
    return cast("list[dict[str, str]]", encoder.feature_info)[-1]["module"]


def stages(encoder: nn.Module) -> list[nn.ModuleList]:
    """Stages of the encoder from the image to the features, each with a real share of its weights.

    They end where timm says that a map of features comes out. What lies between (stems,
    transitions) goes with the stage that follows, what lies behind the last map with the last.
    """
    found: list[nn.ModuleList] = []
    waiting: list[nn.Module] = [nn.ParameterList(encoder.parameters(recurse=False))]
    start = 1
    modules = list(encoder.named_modules())
    for end in _stage_ends(encoder, [name for name, _ in modules]):
        for at, (_, module) in enumerate(modules[start:end], start):
            if at + len(list(module.modules())) <= end:  # else it goes on in the next stage
                waiting.append(module)
        start = end
        if _size(nn.ModuleList(waiting)) > LEAST_STAGE * _size(encoder):
            found.append(nn.ModuleList(waiting))
            waiting = []
    if waiting and found:
        found[-1].extend(waiting)
    return found or [nn.ModuleList(waiting)]


def _stage_ends(encoder: nn.Module, names: Sequence[str]) -> list[int]:
    """Where each stage ends among the names of all modules; the last one takes the rest."""
    maps = [end["module"] for end in cast("list[dict[str, str]]", encoder.feature_info)]
    ends = [
        1 + max(at for at, name in enumerate(names) if f"{name}.".startswith(f"{each}."))
        for each in maps
    ]
    return [*sorted(set(ends))[:-1], len(names)]


def leave_out_unused(encoder: nn.Module, shape: tuple[int, ...]) -> None:
    """Keep the layers behind the map of features out of training: it never reaches them.

    Under ddp a parameter without a gradient would hold up every process.

    Args:
        encoder: Its weights and running statistics stay as they are.
        shape: Channels, height and width of an image.
    """
    encoder.eval()
    feature_map(encoder, torch.zeros(1, *shape)).sum().backward()
    for parameter in encoder.parameters():
        parameter.requires_grad_(parameter.grad is not None)
        parameter.grad = None
    encoder.train()


def fit_stem(encoder: nn.Module, config: TimmEncoderSettings, size: tuple[int, ...]) -> None:
    """Give the encoder the first layers that its settings, or small images, ask for.

    A small stem is a convolution of 3 x 3 with stride 1, and no pooling.

    Raises:
        ConfigError: If a small stem is asked for, and the encoder has none.
    """
    if config.stem == "standard" or (config.stem == "auto" and min(size) >= SMALL_IMAGE):
        return
    family = encoder.features if hasattr(encoder, "features") else encoder
    names = ("conv0", "pool0") if hasattr(family, "conv0") else ("conv1", "maxpool")
    first = getattr(family, names[0], None)
    if not isinstance(first, nn.Conv2d) or not hasattr(family, names[1]):
        if config.stem == "auto":
            return
        raise ConfigError(f"{config.encoder} has no small stem: use --task.network.stem standard")
    small = nn.Conv2d(first.in_channels, first.out_channels, 3, padding=1, bias=False)
    if config.pretrained or config.weights:
        middle = first.weight.shape[-1] // 2
        with torch.no_grad():
            small.weight.copy_(first.weight[:, :, middle - 1 : middle + 2, middle - 1 : middle + 2])
    setattr(family, names[0], small)
    setattr(family, names[1], nn.Identity())


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
