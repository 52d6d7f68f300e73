"""How wrong a classifier is on each case: what hard-case sampling goes by."""

import torch
from torch import Tensor
from torch.nn import functional as F


def case_errors(logits: Tensor, targets: Tensor, *, exclusive: bool) -> Tensor:
    """Error of each case: ``1 - exp(-loss)``, loss being its cross-entropy, mean over known labels.

    For one label this is ``|p - y|``, and for classes that exclude one another it is one minus the
    probability of the true class, whichever loss training minimises: weights of classes, which
    sampling balances by itself, do not enter.

    Args:
        logits: Any float type, shape ``(B, L)``.
        targets: 1, 0 or NaN (not known), one-hot when exclusive, shape ``(B, L)``.
        exclusive: Whether exactly one label holds a case.

    Returns:
        float32 in 0..1, shape ``(B,)``; 0 for a case without a known label.

    References:
        van Grinsven et al., "Fast convolutional neural network training using selective data
        sampling: application to hemorrhage detection in color fundus images", IEEE TMI 2016.
    """
    logits, known = logits.float(), ~targets.isnan()
    truth = targets.float().nan_to_num()
    if exclusive:
        losses = -(truth * F.log_softmax(logits, dim=1)).sum(dim=1)
    else:
        each = -truth * F.logsigmoid(logits) - (1 - truth) * F.logsigmoid(-logits)
        losses = torch.where(known, each, 0.0).sum(dim=1) / known.sum(dim=1).clamp(min=1)
    return -torch.expm1(-losses)
