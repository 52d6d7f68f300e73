"""What the networks that classify volumes share: context and detail of a candidate."""

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from datamodules.data_info import DataInfo
from lightning_modules.configs.volume_networks import VolumeNetwork
from lightning_modules.networks.classifier import ClassifierNetwork, ImageFeatures
from lightning_modules.networks.encoder_layers import map_layer

PARTS = ("context", "detail")


class VolumeClassifierNetwork(ClassifierNetwork):
    """A vector of each volume; those of a candidate's context and detail stand side by side.

    A network writes :meth:`vectors`.

    Args:
        config: Settings.
        data: What is known of the data.
        encoders: One; for candidates another one for the detail.
        features: Length of the vector of a volume.
    """

    def __init__(
        self, config: VolumeNetwork, data: DataInfo, encoders: Sequence[nn.Module], features: int
    ) -> None:
        super().__init__(config, data)
        self.candidates = data.candidates
        self.encoder = (
            nn.ModuleDict(dict(zip(PARTS, encoders, strict=True)))
            if self.candidates
            else encoders[0]
        )
        self.features = features * len(encoders)
        self.images_at_once = config.patches_at_once
        self.pool_by(config.pooling, self.features)
        self.head = nn.Sequential(
            nn.Dropout(config.dropout), nn.Linear(self.features, len(data.labels.names))
        )

    @abstractmethod
    def vectors(self, volumes: Tensor, part: int) -> Tensor:
        """Volumes ``(N, channels, D, H, W)`` to ``(N, C)``, by one of the encoders."""

    def look(self, images: Tensor, details: Tensor | None) -> ImageFeatures:
        """A vector of each volume; see the base class."""
        vectors = self.vectors(images, 0)
        if self.candidates:
            if details is None:
                raise ValueError("this network was built for candidates, and no details are given")
            vectors = torch.cat([vectors, self.vectors(details, 1)], dim=1)
        return ImageFeatures(vectors, vectors)

    def encoders(self) -> Sequence[nn.Module]:
        """That of the volume; of candidates that of the context, and that of the detail."""
        if isinstance(self.encoder, nn.ModuleDict):
            return tuple(self.encoder[part] for part in PARTS)
        return (self.encoder,)

    @property
    def attention_layer(self) -> str:
        """The last layer with a spatial map, of candidates that of the context."""
        name = map_layer(self.encoders()[0])
        return f"encoder.{PARTS[0]}.{name}" if self.candidates else f"encoder.{name}"
