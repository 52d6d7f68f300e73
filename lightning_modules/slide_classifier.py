"""The slide classifier: bags of tiles, or of features of tiles."""

from collections.abc import Mapping

from torch import Tensor

from datamodules.batches import ClassifierBatch
from datamodules.data_info import DataInfo
from lightning_modules.classifier import Classifier
from lightning_modules.configs.slide_classifier import SlideClassifierConfig
from lightning_modules.losses.tile_loss import entropy_lack, tile_loss
from lightning_modules.networks.bag_networks import build_bag_network


class SlideClassifier(Classifier):
    """Classifies slides, or patients by their slides.

    Args:
        config: Settings.
        data: What is known of the data: labels, their counts in training, features of a tile.
        load_weights: False when the weights of a checkpoint follow.
    """

    config: SlideClassifierConfig

    def __init__(
        self, config: SlideClassifierConfig, data: DataInfo, *, load_weights: bool = True
    ) -> None:
        network = build_bag_network(
            config.network, data, tells_tiles=config.tile_loss > 0, load_weights=load_weights
        )
        super().__init__(config, data, network)

    def compute_loss(self, batch: ClassifierBatch) -> Mapping[str, Tensor]:
        """Loss of cases, and of their tiles and their attention where that is asked for."""
        output = self(batch)
        self._logits = output.logits.detach()
        losses = {"decision_loss": self.loss(output.logits, batch["target"])}
        total = losses["decision_loss"]
        weights, bag_of, config = output.weights, batch["case_of"], self.config
        if weights is not None and config.tile_loss:
            assert output.maps is not None
            losses["tile_loss"] = tile_loss(
                output.maps, weights.detach(), bag_of, batch["target"], config.tiles_told
            )
            total = total + config.tile_loss * losses["tile_loss"]
        if weights is not None and config.attention_entropy:
            losses["attention_loss"] = entropy_lack(weights, bag_of, len(batch["target"]))
            total = total + config.attention_entropy * losses["attention_loss"]
        return {"loss": total} if len(losses) == 1 else {"loss": total, **losses}
