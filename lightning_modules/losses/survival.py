"""The loss of survival in discrete time."""

import torch
from torch import Tensor
from torch.nn import functional as F


def survival_loss(logits: Tensor, interval: Tensor, event: Tensor) -> Tensor:
    """Negative log-likelihood of hazards, of each case.

    A case lives through all intervals before its own. In its own the event happens, or else it is
    censored, and counts as having lived through this interval too.

    Args:
        logits: Of the hazard of each interval, float ``(B, K)``.
        interval: Number of the interval that the time of each case lies in, int64 ``(B,)``.
        event: Whether the event happened, bool ``(B,)``.

    Returns:
        float32 ``(B,)``.

    References:
        Zadeh and Schmid, "Bias in cross-entropy-based training of deep survival networks", IEEE
        TPAMI 2021; as in MCAT (Chen et al., ICCV 2021), whose alpha is 0 here.
    """
    logits = logits.float()
    numbers = torch.arange(logits.shape[1], device=logits.device)
    own = interval[:, None]
    lived = (numbers < own) | ((numbers == own) & ~event[:, None])
    happened = (numbers == own) & event[:, None]
    likelihood = torch.where(lived, F.logsigmoid(-logits), 0.0)
    likelihood = likelihood + torch.where(happened, F.logsigmoid(logits), 0.0)
    return -likelihood.sum(1)


def survival_curve(logits: Tensor) -> Tensor:
    """Probability of living beyond the end of each interval, float32 ``(B, K)``, from hazards."""
    return F.logsigmoid(-logits.float()).cumsum(1).exp()
