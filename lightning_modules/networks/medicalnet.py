"""MedicalNet's weights of 3D ResNets, from a local file."""

from collections.abc import Mapping
from pathlib import Path

import torch
from monai.networks.nets.resnet import ResNet
from torch import Tensor

from datamodules.errors import ConfigError
from lightning_modules.configs.volume_networks import ResNet3dConfig

PREFIX = "module."
FIRST, COUNT = "conv1.weight", "num_batches_tracked"


def check_medicalnet(config: ResNet3dConfig) -> None:
    """Look whether a file of weights exists, without reading it.

    Raises:
        ConfigError: If not.
    """
    if config.weights is not None and not Path(config.weights).is_file():
        raise ConfigError(f"--task.network.weights: there is no file {config.weights}")


def load_medicalnet(network: ResNet, config: ResNet3dConfig) -> None:
    """Give MONAI's ResNet the weights of a local file, as MedicalNet publishes them.

    The weights of its one input channel are shared out evenly where there are more.

    Args:
        network: Without the layers behind the features.
        config: Names the file.

    Raises:
        ConfigError: If there is no such file, or it holds anything else.

    References:
        Chen et al., "Med3D: transfer learning for 3D medical image analysis", arXiv 1904.00625.
    """
    check_medicalnet(config)
    try:
        found = _read(str(config.weights))
        channels = network.conv1.weight.shape[1]
        if FIRST in found and found[FIRST].shape[1:2] == (1,):
            found[FIRST] = found[FIRST].repeat_interleave(channels, dim=1) / channels
        wanted = network.state_dict()
        _compare(found, wanted)
    except Exception as error:
        raise ConfigError(_no_weights(config, error)) from error
    network.load_state_dict({name: found.get(name, wanted[name]) for name in wanted})


def _read(path: str) -> dict[str, Tensor]:
    """Tensors of a file by the names that MONAI's network has for them."""
    content = torch.load(path, map_location="cpu", weights_only=True)
    if isinstance(content, Mapping):
        content = content.get("state_dict", content)
    if not isinstance(content, Mapping) or not all(
        isinstance(each, Tensor) for each in content.values()
    ):
        raise TypeError("it is no table of tensors")
    return {str(name).removeprefix(PREFIX): values for name, values in content.items()}


def _compare(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """Counts of batches may be missing: they are of no use, and old files have none."""
    for name, tensor in wanted.items():
        if name not in found and not name.endswith(COUNT):
            raise KeyError(f"it has no {name}")
        if name in found and found[name].shape != tensor.shape:
            shapes = f"{tuple(found[name].shape)}, and not {tuple(tensor.shape)}"
            raise ValueError(f"its {name} has the shape {shapes}")
    if more := sorted(set(found) - set(wanted)):
        raise ValueError(f"it has a {more[0]}, and such a network has not")


def _no_weights(config: ResNet3dConfig, error: Exception) -> str:
    said = str(error.args[0]) if error.args else ""
    reason = next(iter(said.strip().splitlines()), type(error).__name__)
    return (
        "--task.network.weights: the file does not hold MedicalNet's weights of a"
        f" ResNet-{config.depth} with {config.base_features} base features: {reason}\n"
        "MedicalNet publishes a file for each --task.network.depth, with"
        " --task.network.base-features 64"
    )
