"""Losses of the tiles of a bag: what attention weighs most is to show the label."""

import torch
from torch import Tensor
from torch.nn import functional as F

LEAST_WEIGHT = 1e-12


def tile_loss(
    logits: Tensor, weights: Tensor, bag_of: Tensor, targets: Tensor, count: int
) -> Tensor:
    """Tell the tiles at either end of attention what they show.

    Those that attention weighs most are to show what is true of their case, those that it weighs
    least are to show none of it. Of a case in which nothing is true nothing is shown by any.

    Args:
        logits: Of tiles, ``(N, L)``.
        weights: Of tiles in their bag, ``(N,)``, without a gradient.
        bag_of: Number of each tile's bag, ``(N,)``.
        targets: Of bags, ``(B, L)``; NaN where not known.
        count: Tiles at either end; of a bag with fewer than twice as many, half.

    Returns:
        A scalar, the mean over the tiles that are told and the labels that are known.

    References:
        Lu et al., "Data-efficient and weakly supervised computational pathology on whole-slide
        images", Nature Biomedical Engineering 2021; with cross-entropy for its smooth SVM.
    """
    chosen, told = [], []
    for bag, target in enumerate(targets):
        own = torch.nonzero(bag_of == bag)[:, 0]
        most = min(count, len(own) // 2)
        order = own[weights[own].argsort(descending=True)]
        chosen += [order[:most], order[len(order) - most :]]
        told += [target.expand(most, -1), (target * 0).expand(most, -1)]
    expected = torch.cat(told)
    known = ~expected.isnan()
    losses = F.binary_cross_entropy_with_logits(
        logits[torch.cat(chosen)].float(), expected.nan_to_num(), reduction="none"
    )
    return torch.where(known, losses, 0.0).sum() / known.sum().clamp(min=1)


def entropy_lack(weights: Tensor, bag_of: Tensor, bags: int) -> Tensor:
    """How far attention is from weighing all tiles of a bag alike: 0 alike, 1 a single tile.

    Args:
        weights: Of tiles in their bag, ``(N,)``.
        bag_of: Number of each tile's bag, ``(N,)``.
        bags: How many there are.

    Returns:
        A scalar, the mean over bags: 1 less the entropy as a share of the highest one.
    """
    terms = -weights * weights.clamp_min(LEAST_WEIGHT).log()
    entropy = weights.new_zeros(bags).index_add(0, bag_of, terms)
    most = torch.bincount(bag_of, minlength=bags).clamp(min=2).to(weights).log()
    return (1 - entropy / most).mean()
