"""The parts of nnU-Net's U-Nets, in 2D and 3D."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.conv import _ConvNd

CONVOLUTIONS: dict[int, type[nn.Conv2d | nn.Conv3d]] = {2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED: dict[int, type[nn.ConvTranspose2d | nn.ConvTranspose3d]] = {
    2: nn.ConvTranspose2d,
    3: nn.ConvTranspose3d,
}
POOLS: dict[int, type[nn.AvgPool2d | nn.AvgPool3d]] = {2: nn.AvgPool2d, 3: nn.AvgPool3d}
DROPOUTS: dict[int, type[nn.Dropout2d | nn.Dropout3d]] = {2: nn.Dropout2d, 3: nn.Dropout3d}
SLOPE = 0.01
"""Of the rectifiers below zero."""

Sides = tuple[int, ...]


def convolution(
    features: int, outputs: int, kernel: Sides, stride: Sides | None = None, *, bias: bool = False
) -> nn.Module:
    """A convolution that keeps the size but for its stride, with as many axes as its kernel."""
    conv = CONVOLUTIONS[len(kernel)]
    padding = tuple(side // 2 for side in kernel)
    return conv(features, outputs, kernel, stride or 1, padding, bias=bias)  # type: ignore[arg-type]


class InstanceNorm(nn.Module):
    """Instance normalisation that leaves channels last where they are last.

    PyTorch's own copies such maps there and back; on a CPU, whose convolutions want channels last,
    that took as long as everything but the convolutions.

    Args:
        features: Channels.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(features))
        self.bias = nn.Parameter(torch.zeros(features))

    def forward(self, maps: Tensor) -> Tensor:
        """Maps ``(B, features, *sides)``, each of mean 0 and variance 1, then scaled and moved."""
        if maps.device.type != "cpu":
            return F.instance_norm(maps, weight=self.weight, bias=self.bias)
        cases = [
            F.batch_norm(case, None, None, self.weight, self.bias, training=True)
            for case in maps.split(1)
        ]
        return torch.cat(cases) if len(cases) > 1 else cases[0]


class ConvBlock(nn.Sequential):
    """Convolution, instance normalisation, leaky rectifier.

    The convolution has no bias: normalisation takes out whatever it would add.

    Args:
        features: Channels of what comes in.
        outputs: Channels of what goes out.
        kernel: Side along each axis, odd.
        stride: By how much each axis is reduced; None: not at all.
        rectify: False leaves the rectifier out.
    """

    def __init__(
        self,
        features: int,
        outputs: int,
        kernel: Sides,
        stride: Sides | None = None,
        *,
        rectify: bool = True,
    ) -> None:
        layers: list[nn.Module] = [
            convolution(features, outputs, kernel, stride),
            InstanceNorm(outputs),
        ]
        super().__init__(*layers, *([nn.LeakyReLU(SLOPE, inplace=True)] if rectify else []))


class ResidualBlock(nn.Module):
    """Two convolutions, and beside them what came in: pooled, and projected where needed.

    Args:
        features: Channels of what comes in.
        outputs: Channels of what goes out.
        kernel: Side along each axis, odd.
        stride: By how much each axis is reduced.

    References:
        He, Tong, et al., "Bag of tricks for image classification with convolutional neural
        networks", CVPR 2019 (ResNet-D).
    """

    def __init__(self, features: int, outputs: int, kernel: Sides, stride: Sides) -> None:
        super().__init__()
        self.first = ConvBlock(features, outputs, kernel, stride)
        self.second = ConvBlock(outputs, outputs, kernel, rectify=False)
        around: list[nn.Module] = []
        if any(step > 1 for step in stride):
            around.append(POOLS[len(kernel)](stride, stride))  # type: ignore[arg-type]
        if features != outputs:
            around.append(ConvBlock(features, outputs, (1,) * len(kernel), rectify=False))
        self.around = nn.Sequential(*around)
        self.rectifier = nn.LeakyReLU(SLOPE, inplace=True)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps ``(B, features, *sides)`` to ``(B, outputs, *sides / stride)``."""
        found: Tensor = self.rectifier(self.second(self.first(maps)) + self.around(maps))
        return found


class AttentionGate(nn.Module):
    """Weighs each place of a skip connection by what the way up already knows.

    The way up is at the skip's resolution here, by its transposed convolution, so that nothing is
    interpolated; the paper compares the two at the lower resolution.

    Args:
        features: Channels of either.

    References:
        Oktay et al., "Attention U-Net: learning where to look for the pancreas", MIDL 2018.
    """

    def __init__(self, features: int, dimensions: int) -> None:
        super().__init__()
        hidden, point = max(1, features // 2), (1,) * dimensions
        self.of_skip = convolution(features, hidden, point, bias=True)
        self.of_signal = convolution(features, hidden, point)
        self.weight = convolution(hidden, 1, point, bias=True)

    def forward(self, skip: Tensor, signal: Tensor) -> Tensor:
        """Skip ``(B, features, *sides)``, weighed; the signal has the same shape."""
        hidden = torch.relu(self.of_skip(skip) + self.of_signal(signal))
        weighed: Tensor = skip * self.weight(hidden).sigmoid()
        return weighed


class UpwardStage(nn.Module):
    """One stage of the way up: enlarge, join with the skip, convolve.

    Args:
        below: Channels of the stage below.
        features: Channels of the skip and of this stage.
        kernel: Of its convolutions.
        stride: By how much each axis is enlarged.
        blocks: Number of convolutions.
        gated: Whether an attention gate weighs the skip.
    """

    def __init__(
        self, below: int, features: int, kernel: Sides, stride: Sides, blocks: int, *, gated: bool
    ) -> None:
        super().__init__()
        enlarge = TRANSPOSED[len(kernel)]
        self.enlarge = enlarge(below, features, stride, stride)  # type: ignore[arg-type]
        self.gate = AttentionGate(features, len(kernel)) if gated else None
        widths = (2 * features, *[features] * (blocks - 1))
        self.blocks = nn.Sequential(*(ConvBlock(width, features, kernel) for width in widths))

    def join(self, below: Tensor, skip: Tensor) -> Tensor:
        """What comes from below ``(B, below, *sides)`` with the skip, through the first block."""
        signal = self.enlarge(below)
        if self.gate is not None:
            skip = self.gate(skip, signal)
        joined: Tensor = self.blocks[0](torch.cat((signal, skip), dim=1))
        return joined


def start_weights(network: nn.Module) -> None:
    """nnU-Net's start: He's for leaky rectifiers; residual blocks begin as if not there.

    References:
        He, Kaiming, et al., "Delving deep into rectifiers", ICCV 2015.
    """
    for module in network.modules():
        if isinstance(module, _ConvNd):
            nn.init.kaiming_normal_(module.weight, a=SLOPE)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for module in network.modules():
        if isinstance(module, ResidualBlock):
            nn.init.zeros_(cast("InstanceNorm", module.second[1]).weight)
