"""From what is seen in the images, patches or slices of a case to the case as a whole."""

from typing import Literal

import torch
from torch import Tensor, nn

HIDDEN = 128
"""Width of gated attention."""

Pooling = Literal["mean", "max", "attention"]


class GatedAttention(nn.Module):
    """Weighted mean of several vectors; the weights are learned.

    The last layer has no bias: the softmax over vectors would not feel it.

    Args:
        features: Length of a vector.
        hidden: Width of the layer that weighs.

    References:
        Ilse et al., "Attention-based deep multiple instance learning", ICML 2018.
    """

    def __init__(self, features: int, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.content = nn.Linear(features, hidden)
        self.gate = nn.Linear(features, hidden)
        self.weight = nn.Linear(hidden, 1, bias=False)

    def scores(self, vectors: Tensor) -> Tensor:
        """Vectors ``(..., C)`` to what their weights are the softmax of, float32 ``(...)``."""
        scores: Tensor = self.weight(self.content(vectors).tanh() * self.gate(vectors).sigmoid())
        return scores[..., 0].float()

    def forward(self, vectors: Tensor) -> Tensor:
        """Vectors ``(B, K, C)`` to their mean ``(B, C)``."""
        weights = self.scores(vectors).softmax(1).to(vectors.dtype)
        return (weights[..., None] * vectors).sum(1)


def mean_of_cases(values: Tensor, case_of: Tensor, cases: int) -> Tensor:
    """Mean over the images of each case: ``(N, ...)`` to ``(cases, ...)``."""
    count = torch.bincount(case_of, minlength=cases).float()
    mean = _sum_of_cases(values, case_of, cases) / _beside(count, values)
    return mean.to(values.dtype)


def max_of_cases(values: Tensor, case_of: Tensor, cases: int) -> Tensor:
    """Highest value over the images of each case: ``(N, L)`` to ``(cases, L)``."""
    lowest = values.new_full((cases, values.shape[1]), -torch.inf)
    index = case_of[:, None].expand_as(values)
    return lowest.scatter_reduce(0, index, values, "amax")


def weights_of_cases(scores: Tensor, case_of: Tensor, cases: int) -> Tensor:
    """Softmax over the images of each case: scores ``(N,)`` to weights ``(N,)``."""
    highest = max_of_cases(scores.detach()[:, None], case_of, cases)[:, 0]
    raised = (scores - highest[case_of]).exp()
    return raised / _sum_of_cases(raised, case_of, cases)[case_of]


def weighted_sum_of_cases(values: Tensor, weights: Tensor, case_of: Tensor, cases: int) -> Tensor:
    """Sum over the images of each case, ``(N, C)`` with weights ``(N,)`` to ``(cases, C)``."""
    wide = torch.promote_types(values.dtype, torch.float32)
    total = _sum_of_cases(values.to(wide) * weights[:, None].to(wide), case_of, cases)
    return total.to(values.dtype)


def _sum_of_cases(values: Tensor, case_of: Tensor, cases: int) -> Tensor:
    """In at least 32 bits: of a hundred thousand tiles half precision loses all but a few."""
    wide = torch.promote_types(values.dtype, torch.float32)
    zeros = values.new_zeros(cases, *values.shape[1:], dtype=wide)
    return zeros.index_add(0, case_of, values.to(wide))


def _beside(count: Tensor, values: Tensor) -> Tensor:
    return count.reshape(-1, *[1] * (values.ndim - 1))
