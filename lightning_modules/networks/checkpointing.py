"""Gradient checkpointing: activations that are computed twice and not kept."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def run(
    module: Callable[..., Tensor], *inputs: Tensor | slice | list[Tensor], checkpointing: bool
) -> Tensor:
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


def checkpoint_blocks(encoder: nn.Module) -> None:
    """Checkpoint every block of the stages of an encoder of timm; its weights keep their names.

    The blocks change their class, as torch's parametrisations do, so that nothing is wrapped.
    """
    for end in cast("list[dict[str, str]]", encoder.feature_info):
        for block in _blocks(encoder.get_submodule(end["module"])):
            if list(block.parameters()):
                block.__class__ = _checkpointed(cast("Any", type(block)))


def _blocks(stage: nn.Module) -> list[nn.Module]:
    """What follows one another in a stage, or the stage itself."""
    chain = (nn.Sequential, nn.ModuleDict)
    chains = [each for each in (stage, *stage.children()) if isinstance(each, chain)]
    if isinstance(stage, chain):
        chains = [stage]
    return [block for each in chains for block in each.children()] or [stage]


class _Checkpointed(nn.Module):
    def forward(self, *inputs: Any) -> Tensor:  # noqa: ANN401 - a dense layer takes a list
        kept: list[Any] = [list(each) if isinstance(each, list) else each for each in inputs]
        return run(super().forward, *kept, checkpointing=True)  # a list of the caller's may grow


@cache
def _checkpointed(kind: type[nn.Module]) -> type[nn.Module]:
    return type(f"Checkpointed{kind.__name__}", (_Checkpointed, kind), {})
