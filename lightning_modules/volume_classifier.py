"""The volume classifier: CT, MRI and PET, whole, in patches, or slice by slice."""

from itertools import combinations

import torch
from torch import Tensor

from datamodules.batches import ClassifierBatch
from datamodules.data_info import DataInfo
from lightning_modules.classifier import Classifier
from lightning_modules.configs.volume_classifier import VolumeClassifierConfig
from lightning_modules.networks.volume_networks import build_volume_network


class VolumeClassifier(Classifier):
    """Classifies volumes.

    Args:
        config: Settings.
        data: What is known of the data: labels, their counts in training, size of what is seen.
        load_weights: False when the weights of a checkpoint follow.
    """

    config: VolumeClassifierConfig

    def __init__(
        self, config: VolumeClassifierConfig, data: DataInfo, *, load_weights: bool = True
    ) -> None:
        network = build_volume_network(config.network, data, load_weights=load_weights)
        super().__init__(config, data, network)

    def describe(self, batch: ClassifierBatch) -> tuple[Tensor, Tensor]:
        """As of every classifier; probabilities are of all mirror images, where that is set."""
        axes = self.data.mirror_axes if self.config.mirror else ()
        score, features = super().describe(batch)
        scores = [score]
        for count in range(1, len(axes) + 1):
            for chosen in combinations(axes, count):
                scores.append(super().describe(mirrored(batch, chosen))[0])
        return torch.stack(scores).mean(0), features


def mirrored(batch: ClassifierBatch, axes: tuple[int, ...]) -> ClassifierBatch:
    """The batch with its images mirrored along spatial axes."""
    dims = [2 + axis for axis in axes]
    turned = batch.copy()
    turned["image"] = batch["image"].flip(dims)
    if "detail" in batch:
        turned["detail"] = batch["detail"].flip(dims)
    return turned
