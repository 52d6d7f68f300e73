"""What a training step of a detector takes of a GPU's memory, computed without a GPU."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

import torch

from datamodules.data_info import DetectionInfo
from lightning_modules.networks.detection import DetectionNetwork
from lightning_modules.networks.training_memory import (
    BYTES_A_WEIGHT,
    COUNTED,
    MIXED,
    LiveBytes,
    StepMemory,
)

LEAST_SIDES = {2: 256, 3: 32}
"""Voxels along each axis of the smaller of the two patches on which steps are made."""
MOST_OBJECTS = 100
"""Of an image, in these steps."""


@dataclass(frozen=True)
class DetectionMemory:
    """Bytes of tensors at the peak of a training step.

    Attributes:
        fixed: Weights, gradients, moments.
        an_image: For each image of the batch, whatever its size.
        a_voxel: For each voxel of each image.
    """

    fixed: int
    an_image: float
    a_voxel: float

    def of_step(self, patch: Sequence[int]) -> StepMemory:
        """That of a step on images of a size."""
        return StepMemory(self.fixed, max(1, int(self.an_image + self.a_voxel * prod(patch))))


def detection_memory(
    build: Callable[[], DetectionNetwork], info: DetectionInfo, objects: int, *, mixed: bool
) -> DetectionMemory:
    """Count the bytes that steps on two small sizes have in tensors at their peak.

    Which anchors or places learn an object depends on values, so the steps are made, on the CPU,
    on noise with boxes of the sizes of training. What grows, grows with the voxels. Not counted:
    workspaces of convolutions.

    Args:
        build: Makes the network.
        info: What it is built from.
        objects: Of an image.
        mixed: Whether maps have 16 bits.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build().train()
        least = LEAST_SIDES[len(info.patch)]
        side = -(-least // network.divisor) * network.divisor
        small = (side,) * len(info.patch)
        large = (2 * side, *small[1:])
        count = min(objects, MOST_OBJECTS)
        peaks = [_peak(network, info, size, count) for size in (small, large)]
    share = MIXED if mixed else 1.0
    each = [share * peak / COUNTED for peak in peaks]
    a_voxel = (each[1] - each[0]) / (prod(large) - prod(small))
    weights = sum(weight.numel() for weight in network.parameters())
    return DetectionMemory(BYTES_A_WEIGHT * weights, each[0] - a_voxel * prod(small), a_voxel)


def _peak(network: DetectionNetwork, info: DetectionInfo, size: Sequence[int], objects: int) -> int:
    """Bytes of a step on two images of a size."""
    for weight in network.parameters():  # gradients are there already, as after a first step
        weight.grad = torch.zeros_like(weight) if weight.requires_grad else None
    boxes = [_boxes(info, size, objects) for _ in range(COUNTED)]
    labels = [torch.randint(len(info.classes), (objects,)) for _ in range(COUNTED)]
    with LiveBytes(network) as live:
        images = torch.rand(COUNTED, info.channels, *size)
        network.losses(images, boxes, labels)["loss"].backward()
    return int(live.peak)


def _boxes(info: DetectionInfo, size: Sequence[int], objects: int) -> torch.Tensor:
    """Boxes of sizes of training anywhere in an image, float32 ``(objects, 2 * D)``."""
    known = torch.tensor(info.box_sizes)
    image = torch.tensor(size, dtype=torch.float32)
    sides = known[torch.randint(len(known), (objects,))].minimum(image)
    low = torch.rand(objects, len(size)) * (image - sides)
    return torch.cat((low, low + sides), dim=1)
