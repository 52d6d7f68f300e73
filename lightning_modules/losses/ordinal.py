"""Loss of grades: the farther off the worse."""

from torch import Tensor, nn

from lightning_modules.losses.known_labels import known_mean


class OrdinalLoss(nn.Module):
    """Cross-entropy of grades and their squared earth mover's distance, mean over known cases.

    The distance is the sum over grades of the squared difference of cumulative probabilities.

    References:
        Hou et al., "Squared earth mover's distance-based loss for training deep neural networks",
        arXiv 1611.05916.
    """

    def __init__(self, distance_weight: float = 1.0) -> None:
        """Keep the weight of the distance, >= 0; 0 is cross-entropy."""
        super().__init__()
        self.distance_weight = distance_weight

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Logits ``(B, L)`` of any float type, targets ``(B, L)`` one-hot or NaN; a scalar."""
        logits, known = logits.float(), ~targets.isnan().any(dim=1)
        truth = targets.nan_to_num().float()
        surprise = -(truth * logits.log_softmax(dim=1)).sum(dim=1)
        distance = (logits.softmax(dim=1).cumsum(dim=1) - truth.cumsum(dim=1)).square().sum(dim=1)
        return known_mean(surprise + self.distance_weight * distance, known)
