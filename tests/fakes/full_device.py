"""A device whose memory runs out at one allocation."""

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

ALLOCATING = ("aten::new_zeros", "aten::zeros", "aten::clone", "aten::div.Tensor")


class FullDevice(TorchDispatchMode):
    """While it is entered, one of the allocations fails as on a full GPU, and only that one.

    Args:
        fails_at: Which one, from 0; None: none.

    Attributes:
        has_failed: Whether it came to that.
    """

    def __init__(self, fails_at: int | None) -> None:
        super().__init__()
        self.fails_at, self.count, self.has_failed = fails_at, 0, False

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Count the calls that need memory."""
        if function.name().startswith(ALLOCATING):
            number, self.count = self.count, self.count + 1
            if number == self.fails_at:
                self.has_failed = True
                raise torch.OutOfMemoryError("the fake device is full")
        call: Callable[..., Any] = function
        return call(*args, **(kwargs or {}))
