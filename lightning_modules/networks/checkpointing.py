"""Gradient checkpointing: activations that are computed twice and not kept."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def run(module: Callable[..., Tensor], *inputs: Tensor, checkpointing: bool) -> Tensor:
    """What a module (or a method of one) makes of its inputs.

    With checkpointing nothing between inputs and output is kept: it is computed again for the
    gradient, with the same dropout, and running statistics are not updated a second time.

    Args:
        module: Called with the inputs.
        inputs: Kept in either case.
        checkpointing: Whether to keep nothing else.

    References:
        Chen et al., "Training deep nets with sublinear memory cost", arXiv 1604.06174.
    """
    if not (checkpointing and torch.is_grad_enabled()):
        return module(*inputs)
    owner = getattr(module, "__self__", module)

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _SameStatistics(owner)

    found: Tensor = checkpoint(module, *inputs, use_reentrant=False, context_fn=contexts)
    return found


class _SameStatistics(AbstractContextManager[None]):
    """Within, batch normalisation in training leaves its running statistics as they are.

    It may be entered again, for a graph that is kept and gone through twice.
    """

    def __init__(self, owner: object) -> None:
        modules = owner.modules() if isinstance(owner, nn.Module) else ()
        self.norms = [module for module in modules if isinstance(module, _BatchNorm)]
        self.before: list[tuple[float | None, Tensor | None]] = []

    def __enter__(self) -> None:
        counts = [norm.num_batches_tracked for norm in self.norms]
        self.before = [
            (norm.momentum, None if count is None else count.clone())
            for norm, count in zip(self.norms, counts, strict=True)
        ]
        for norm in self.norms:
            norm.momentum = 0.0

    def __exit__(self, *_: object) -> None:
        for norm, (momentum, count) in zip(self.norms, self.before, strict=True):
            norm.momentum = momentum
            if norm.num_batches_tracked is not None and count is not None:
                norm.num_batches_tracked.copy_(count)
