"""Weights of torchvision's Faster R-CNN that was trained on COCO, from a local file."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from datamodules.errors import ConfigError

OPTION = "--task.network.coco-weights"
STAGES = {
    "conv1": "0.0",
    "bn1": "0.1",
    "layer1": "1.1",
    "layer2": "2",
    "layer3": "3",
    "layer4": "4",
}
"""Where the parts of a ResNet of torchvision are among the stages of our encoder."""


def check_coco_weights(path: str) -> None:
    """Look whether a file of weights is there, without reading it.

    Raises:
        ConfigError: If not.
    """
    if not Path(path).is_file():
        raise ConfigError(f"{OPTION}: there is no file {path}")


def load_coco_weights(network: nn.Module, path: str) -> None:
    """Give a Faster R-CNN the weights of a local file, all but those of the last layers.

    Args:
        network: With the encoder resnet50.
        path: A .pth file as torchvision publishes it for fasterrcnn_resnet50_fpn.

    Raises:
        ConfigError: If there is no such file, or it holds anything else.
    """
    check_coco_weights(path)
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ConfigError(f"{OPTION}: {path} is no file of weights") from error
    wanted = network.state_dict()
    named = {ours: found[theirs] for theirs, ours in _names(found).items()}
    fitting = {
        name: values
        for name, values in named.items()
        if name in wanted and values.shape == wanted[name].shape
    }
    _check(fitting, wanted)
    network.load_state_dict(fitting, strict=False)


def _names(found: Mapping[str, Tensor]) -> dict[str, str]:
    """Our names of torchvision's tensors; its older files have others for the first convolution."""
    names = {}
    for name in found:
        parts = name.split(".")
        if name.startswith("backbone.body.") and parts[2] in STAGES:
            rest = ".".join(parts[3:])
            names[name] = f"backbone.encoder.stages.{STAGES[parts[2]]}.{rest}"
        elif name.startswith(("backbone.fpn.inner_blocks.", "backbone.fpn.layer_blocks.")):
            ours = "lateral" if parts[2] == "inner_blocks" else "smooth"
            names[name] = f"backbone.{ours}.{parts[3]}.{parts[-1]}"
        elif name in ("rpn.head.conv.weight", "rpn.head.conv.bias"):
            names[name] = name.replace("conv.", "conv.0.0.")
        else:
            names[name] = name
    return names


def _check(fitting: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """Everything but the layers for classes and anchors must be there."""
    free = ("roi_heads.box_predictor.", "rpn.head.cls_logits.", "rpn.head.bbox_pred.")
    missing = [
        name
        for name in wanted
        if name.startswith(("backbone.", "rpn.head.", "roi_heads.")) and not name.startswith(free)
        if name not in fitting and not name.endswith("num_batches_tracked")
    ]
    if missing:
        raise ConfigError(
            f"{OPTION}: the file does not hold what such a network needs, {missing[0]} for one; it "
            "is for --task.network.encoder resnet50 --task.network.levels 4 "
            "--task.network.finest-stride 4 --task.network.pyramid-features 256 "
            "--task.network.hidden 1024"
        )
