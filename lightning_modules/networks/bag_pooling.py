"""From the tiles of a bag to one vector, and what each tile counts for."""

from abc import abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_modules.networks.pooling import (
    GatedAttention,
    max_of_cases,
    mean_of_cases,
    weighted_sum_of_cases,
    weights_of_cases,
)

LEAST_WIDTH = 64
TILES_AT_ONCE = 8192
"""Tiles that look at the points of their bag together, when nothing is learned."""


class PooledBags(NamedTuple):
    """Bags as one vector each.

    Attributes:
        vectors: ``(B, C)``.
        weights: What each tile counts for in its bag, float32 ``(N,)``, which add up to 1; None
            where the pooling gives no weights.
    """

    vectors: Tensor
    weights: Tensor | None = None


class BagPooling(nn.Module):
    """Tiles of several bags, of any length each, to a vector a bag.

    Attributes:
        width: Length of the vector of a bag.
    """

    width: int

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    @abstractmethod
    def forward(self, tiles: Tensor, bag_of: Tensor, bags: int) -> PooledBags:
        """Pool.

        Args:
            tiles: Hidden features ``(N, C)``.
            bag_of: Number of each tile's bag, int64 ``(N,)``, not falling.
            bags: How many there are; each has a tile.
        """


class MeanPooling(BagPooling):
    """The mean of all tiles."""

    def forward(self, tiles: Tensor, bag_of: Tensor, bags: int) -> PooledBags:
        """See the base class."""
        return PooledBags(mean_of_cases(tiles, bag_of, bags))


class MaxPooling(BagPooling):
    """The highest value of each feature."""

    def forward(self, tiles: Tensor, bag_of: Tensor, bags: int) -> PooledBags:
        """See the base class."""
        return PooledBags(max_of_cases(tiles, bag_of, bags))


class Attention(nn.Module):
    """What weights are the softmax of: a hidden layer and a tangent, without a gate.

    References:
        Ilse et al., "Attention-based deep multiple instance learning", ICML 2018.
    """

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.content = nn.Linear(features, hidden)
        self.weight = nn.Linear(hidden, 1, bias=False)

    def scores(self, vectors: Tensor) -> Tensor:
        """Vectors ``(..., C)`` to scores, float32 ``(...)``."""
        scores: Tensor = self.weight(self.content(vectors).tanh())
        return scores[..., 0].float()


class AttentionPooling(BagPooling):
    """One weighted mean or several side by side.

    Args:
        features: Of a tile.
        hidden: Width of what weighs; None: a quarter of the features, at least 64.
        gated: With a gate.
        heads: Weighted means.
    """

    def __init__(
        self, features: int, hidden: int | None, *, gated: bool = True, heads: int = 1
    ) -> None:
        super().__init__(features * heads)
        width = hidden or max(LEAST_WIDTH, features // 4)
        kind = GatedAttention if gated else Attention
        self.heads = nn.ModuleList(kind(features, width) for _ in range(heads))

    def forward(self, tiles: Tensor, bag_of: Tensor, bags: int) -> PooledBags:
        """See the base class; the weights are the mean of those of all heads."""
        vectors, weights = [], []
        for head in self.heads:
            own = weights_of_cases(head.scores(tiles), bag_of, bags)  # type: ignore[operator]
            vectors.append(weighted_sum_of_cases(tiles, own, bag_of, bags))
            weights.append(own)
        return PooledBags(torch.cat(vectors, dim=1), torch.stack(weights).mean(0))


class TransformerPooling(BagPooling):
    """Tiles look at one another by way of learned points, and a seed looks at all of them.

    Args:
        features: Of a tile.
        layers: How often tiles look at one another.
        heads: Of attention.
        points: Learned points.
        dropout: Within the layers.

    References:
        Lee et al., "Set Transformer", ICML 2019: induced set attention, and pooling by attention.
    """

    def __init__(self, features: int, layers: int, heads: int, points: int, dropout: float) -> None:
        super().__init__(features)
        self.layers = nn.ModuleList(
            InducedAttention(features, heads, points, dropout) for _ in range(layers)
        )
        self.seed = nn.Parameter(torch.randn(1, features) * features**-0.5)
        self.pool = Look(features, heads, dropout)

    def forward(self, tiles: Tensor, bag_of: Tensor, bags: int) -> PooledBags:
        """See the base class; bags are gone through one by one."""
        vectors, weights = [], []
        for bag in tiles.split(torch.bincount(bag_of, minlength=bags).tolist()):
            seen = bag
            for layer in self.layers:
                seen = layer(seen)
            vectors.append(self.pool(self.seed, seen)[0])
            weights.append(self.pool.weights(self.seed, seen)[0])
        return PooledBags(torch.stack(vectors), torch.cat(weights))


class InducedAttention(nn.Module):
    """A few learned points look at all tiles, and then all tiles at the points."""

    def __init__(self, features: int, heads: int, points: int, dropout: float) -> None:
        super().__init__()
        self.points = nn.Parameter(torch.randn(points, features) * features**-0.5)
        self.gather = Look(features, heads, dropout)
        self.spread = Look(features, heads, dropout)

    def forward(self, tiles: Tensor) -> Tensor:
        """Tiles ``(N, C)`` to ``(N, C)``."""
        points = self.gather(self.points, tiles)
        if torch.is_grad_enabled():
            found: Tensor = self.spread(tiles, points)
            return found
        return torch.cat([self.spread(part, points) for part in tiles.split(TILES_AT_ONCE)])


class Look(nn.Module):
    """Some vectors take in what they attend to among others; a transformer's block."""

    def __init__(self, features: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.of_query, self.of_others = nn.LayerNorm(features), nn.LayerNorm(features)
        self.query = nn.Linear(features, features)
        self.key, self.value = nn.Linear(features, features), nn.Linear(features, features)
        self.out = nn.Linear(features, features)
        self.perceptron = nn.Sequential(
            nn.LayerNorm(features),
            nn.Linear(features, 2 * features),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(2 * features, features),
        )

    def forward(self, queries: Tensor, others: Tensor) -> Tensor:
        """Vectors ``(M, C)`` that look at ``(N, C)``, to ``(M, C)``."""
        seen = self.of_others(others)
        query, key, value = (
            self._of_heads(each)
            for each in (self.query(self.of_query(queries)), self.key(seen), self.value(seen))
        )
        dropout = self.dropout if self.training else 0.0
        found = F.scaled_dot_product_attention(query, key, value, dropout_p=dropout)
        queries = queries + self.out(found.transpose(0, 1).flatten(1))
        added: Tensor = self.perceptron(queries)
        return queries + added

    def weights(self, queries: Tensor, others: Tensor) -> Tensor:
        """What each query attends to, the mean of all heads: float32 ``(M, N)``."""
        query = self._of_heads(self.query(self.of_query(queries)))
        key = self._of_heads(self.key(self.of_others(others)))
        scores: Tensor = query @ key.transpose(1, 2) * query.shape[-1] ** -0.5
        return scores.float().softmax(-1).mean(0)

    def _of_heads(self, vectors: Tensor) -> Tensor:
        """``(N, C)`` to ``(heads, N, C / heads)``."""
        parted: Tensor = vectors.unflatten(1, (self.heads, -1))
        return parted.transpose(0, 1)
