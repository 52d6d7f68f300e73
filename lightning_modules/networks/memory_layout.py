"""How maps and weights lie in memory: channels last on a CPU, whose convolutions want it so."""

import torch
from torch import Tensor, nn

CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


def fast_layout(network: nn.Module) -> None:
    """Lay the weights of convolutions out as their device likes it; their values stay.

    Kernels of one voxel are the same in either layout.
    """
    for weight in network.parameters():
        if weight.ndim in CHANNELS_LAST and weight[0, 0].numel() > 1:
            weight.data = in_fast_layout(weight.data)


def in_fast_layout(maps: Tensor) -> Tensor:
    """Maps ``(B, C, H, W)`` or ``(B, C, D, H, W)``, as their device likes them."""
    last = maps.device.type == "cpu"
    return maps.contiguous(
        memory_format=CHANNELS_LAST[maps.ndim] if last else torch.contiguous_format
    )
