"""What a training step of a classifier takes of a GPU's memory, computed without a GPU."""

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakIdKeyDictionary

from lightning_modules.networks.classifier import ClassifierNetwork

BYTES_A_WEIGHT = 16
"""The weight, its gradient, and two moments of Adam, in 32 bits."""
MIXED = 0.5
"""Bytes of maps in mixed precision, as a share of those in 32 bits."""
USABLE = 0.75
"""Share of a GPU's memory that tensors may take. The rest is for the CUDA context, for workspaces
of convolutions, and for gaps between tensors. nnU-Net's plans for 8 GB take 0.73 (plain) and 0.95
(residual encoder) of it when they are counted in this way."""
COUNTED = 2
"""Images of the step that is counted; one alone has no batch statistics where maps end up as a
single voxel."""


@dataclass(frozen=True)
class StepMemory:
    """Bytes of tensors at the peak of a training step.

    Attributes:
        fixed: Whatever the batch: weights, gradients, moments.
        an_image: For each image of the batch: maps, and their gradients.
    """

    fixed: int
    an_image: int

    def images_in(self, memory_gb: float) -> int:
        """Images that a GPU has room for; 0: not even the weights, or no image beside them."""
        room = USABLE * memory_gb * 1e9 - self.fixed
        return max(0, int(room // self.an_image))

    def gb(self, images: int) -> float:
        """Memory of a GPU that a batch needs, in GB, the reserve of :data:`USABLE` included."""
        return (self.fixed + images * self.an_image) / USABLE / 1e9


def step_memory(
    build: Callable[[], ClassifierNetwork], shape: Sequence[int], *, candidates: bool, mixed: bool
) -> StepMemory:
    """Count the bytes that a training step has in tensors at its peak.

    The step is gone through with tensors that have shapes and no values, and every allocation and
    every release is counted, so that gradient checkpointing, inplace layers and what autograd keeps
    are as they are. Not counted: workspaces of convolutions, and the augmentation, which is over
    before the step begins.

    Args:
        build: Makes the network; called where tensors have no values.
        shape: Channels and size of an image.
        candidates: Whether the network looks at context and detail of this shape.
        mixed: Whether maps have 16 bits.
    """
    with torch.device("meta"):
        network = build().train()
    network.to("meta")
    for weight in network.parameters():  # gradients are there already, as after a first step
        weight.grad = torch.zeros_like(weight) if weight.requires_grad else None
    with LiveBytes(network) as live:
        images = torch.empty(COUNTED, *shape, device="meta")
        details = torch.empty_like(images) if candidates else None
        network.head(network.look(images, details).vectors).sum().backward()
    weights = sum(weight.numel() for weight in network.parameters())
    share = MIXED if mixed else 1.0
    return StepMemory(BYTES_A_WEIGHT * weights, int(share * live.peak / COUNTED))


class LiveBytes(TorchDispatchMode):
    """Within, counts the bytes of all tensors that are alive.

    Args:
        network: Its weights and buffers are not counted.

    Attributes:
        live: Bytes now.
        peak: Most bytes at any time.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.live = self.peak = 0
        self._known = WeakIdKeyDictionary()
        for own in (*network.parameters(), *network.buffers()):
            for tensor in (own, own.grad):
                if tensor is not None:
                    self._known[tensor.untyped_storage()] = True

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - whatever the operation returns
        """Carry an operation out, and note what it has allocated."""
        del types
        found = func(*args, **(kwargs or {}))
        for each in tree_leaves(found):
            if isinstance(each, Tensor):
                self._note(each.untyped_storage())
        return found

    def _note(self, storage: torch.UntypedStorage) -> None:
        if storage in self._known:
            return
        size = storage.nbytes()
        self._known[storage] = True
        weakref.finalize(storage, self._release, size)
        self.live += size
        self.peak = max(self.peak, self.live)

    def _release(self, size: int) -> None:
        self.live -= size
