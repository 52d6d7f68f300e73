"""A network of two streams: the whole image, and the details that it finds suspicious."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from datamodules.data_info import DataInfo
from lightning_modules.configs.xray_networks import TwoStreamNetworkConfig
from lightning_modules.networks.attention_map import MapHead, map_encoder
from lightning_modules.networks.classifier import ClassifierNetwork, ImageFeatures
from lightning_modules.networks.encoder_layers import feature_map, map_layer
from lightning_modules.networks.pooling import GatedAttention

SMALLEST_DETAIL = 8
"""Pixels of a detail below which there is nothing to see."""


class TwoStreamClassifier(ClassifierNetwork):
    """Whole image -> map of each label -> details cut out at full resolution -> both decide.

    The whole image and the details also decide on their own; these auxiliary logits are what the
    map is trained by, as no gradient passes through the choice of a place.

    From the paper it differs in that the map comes from probabilistic-CAM pooling in place of the
    mean of its highest values, that features of the whole image are averaged and not their maximum
    taken, that the size of the map is not penalised, and that the three losses are averaged.

    Args:
        config: Settings.
        data: What is known of the data.
        load_weights: False leaves out published or local weights: a checkpoint follows.

    References:
        Shen et al., "An interpretable classifier for high-resolution breast cancer screening
        images utilizing weakly supervised localization", Medical Image Analysis 2021 (GMIC).
    """

    config: TwoStreamNetworkConfig
    encoder: nn.ModuleDict
    makes_maps = True

    def __init__(
        self, config: TwoStreamNetworkConfig, data: DataInfo, *, load_weights: bool = True
    ) -> None:
        super().__init__(config, data)
        labels = len(data.labels.names)
        reduced = (data.size[0] // config.reduction, data.size[1] // config.reduction)
        side = max(SMALLEST_DETAIL, round(config.detail_share * min(data.size)))
        self.detail_side = min(data.size) if data.candidates else min(side, *data.size)
        whole, features = map_encoder(config, data, reduced, load_weights=load_weights)
        detail, detail_features = map_encoder(
            _of_details(config), data, (self.detail_side,) * 2, load_weights=load_weights
        )
        self.encoder = nn.ModuleDict({"whole": whole, "detail": detail})
        self.whole_head = MapHead(features, data.labels, config.dropout)
        self.attention = GatedAttention(detail_features)
        self.detail_head = nn.Linear(detail_features, labels)
        self.head = nn.Sequential(
            nn.Dropout(config.dropout), nn.Linear(features + detail_features, labels)
        )

    def look(self, images: Tensor, details: Tensor | None) -> ImageFeatures:
        """Features of the image and of its details side by side; see the base class."""
        reduced = F.avg_pool2d(images, self.config.reduction)
        features = feature_map(self.encoder["whole"], reduced)
        vectors, maps = self.whole_head.pool(features)
        crops = self._cut_out(images, maps) if details is None else details[:, None]
        of_details = feature_map(self.encoder["detail"], crops.flatten(0, 1)).mean((2, 3))
        detail = self.attention(of_details.unflatten(0, crops.shape[:2]))
        both = torch.cat([features.mean((2, 3)), detail], dim=1)
        return ImageFeatures(both, both, maps, (self.whole_head(vectors), self.detail_head(detail)))

    def _cut_out(self, images: Tensor, maps: Tensor) -> Tensor:
        """Details ``(B, K, C, s, s)`` where the labels together are most probable."""
        with torch.no_grad():
            places = most_suspicious(maps, self.config.details, self.config.detail_share)
        return cut_out(images, places, self.detail_side)

    def encoders(self) -> Sequence[nn.Module]:
        """That of the whole image, and that of the details."""
        return (self.encoder["whole"], self.encoder["detail"])

    @property
    def attention_layer(self) -> str:
        """The last layer of the first stream with a spatial map; see the base class."""
        return f"encoder.whole.{map_layer(self.encoder['whole'])}"


def _of_details(config: TwoStreamNetworkConfig) -> TwoStreamNetworkConfig:
    """Settings of the second encoder; a local file of weights is for the first one's kind."""
    name = config.detail_encoder or config.encoder
    if name == config.encoder:
        return config
    return config.replace(encoder=name, weights=None, pretrained=config.pretrained)


def most_suspicious(maps: Tensor, count: int, share: float) -> Tensor:
    """Centres of windows with the most probability, one after another, what was taken left out.

    Args:
        maps: Probabilities ``(B, L, h, w)``; each label's are scaled to 0..1 within its image, so
            that a rare label has a say.
        count: Windows an image; where all has been taken, the rest lie on the one before.
        share: Side of a window as a share of the map's side.

    Returns:
        float32 ``(B, count, 2)``: ``(y, x)`` as shares of height and width.
    """
    low, high = maps.amin((2, 3), keepdim=True), maps.amax((2, 3), keepdim=True)
    left = ((maps - low) / (high - low).clamp_min(1e-6)).sum(1)
    height, width = left.shape[1:]
    window = (max(1, round(share * height)), max(1, round(share * width)))
    places: list[Tensor] = []
    best: Tensor | None = None
    for _ in range(count):
        sums = F.avg_pool2d(left[:, None], window, stride=1)[:, 0]
        found, at = sums.flatten(1).max(1)
        best = at if best is None else torch.where(found > 0, at, best)
        top, start = best // sums.shape[2], best % sums.shape[2]
        places.append(
            torch.stack([(top + window[0] / 2) / height, (start + window[1] / 2) / width], dim=1)
        )
        rows = torch.arange(height, device=maps.device)[None, :] - top[:, None]
        columns = torch.arange(width, device=maps.device)[None, :] - start[:, None]
        taken = ((rows >= 0) & (rows < window[0]))[:, :, None] & (
            (columns >= 0) & (columns < window[1])
        )[:, None, :]
        left = left.masked_fill(taken, 0.0)
    return torch.stack(places, dim=1)


def cut_out(images: Tensor, places: Tensor, side: int) -> Tensor:
    """Squares about places, moved inside the image where they would leave it.

    Args:
        images: ``(B, C, H, W)``.
        places: Centres ``(B, K, 2)``: ``(y, x)`` as shares of height and width.
        side: Of a square in pixels, at most H and W.

    Returns:
        ``(B, K, C, side, side)``.
    """
    size = torch.tensor(images.shape[2:], device=images.device)
    corner = (places * size - side / 2).round().long()
    corner = corner.clamp_min(0).minimum(size - side)
    steps = torch.arange(side, device=images.device)
    rows = (corner[..., 0, None] + steps)[..., :, None]
    columns = (corner[..., 1, None] + steps)[..., None, :]
    cases = torch.arange(len(images), device=images.device)[:, None, None, None]
    return images[cases, :, rows, columns].permute(0, 1, 4, 2, 3)
