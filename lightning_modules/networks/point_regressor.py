"""An encoder that says the coordinates of landmarks, without heatmaps."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from datamodules.landmark_info import LandmarkInfo
from lightning_modules.configs.landmark_networks import PointRegressorConfig
from lightning_modules.losses.coordinates import build_coordinate_loss
from lightning_modules.networks.detection_encoders import Encoder
from lightning_modules.networks.heatmap_decoding import Decoded
from lightning_modules.networks.landmarks import LandmarkNetwork, masked_mean


class PointRegressor(LandmarkNetwork):
    """Encoder, a look at every place of its map, the mean of what is said there: coordinates.

    Each place is told where it lies, as a mean over places forgets it (Liu et al., "An intriguing
    failing of convolutional neural networks and the CoordConv solution", NeurIPS 2018). Begins at
    the mean places of training.

    Args:
        config: Settings.
        info: What is known of the data.
        encoder: Its coarsest map is looked at.
    """

    def __init__(self, config: PointRegressorConfig, info: LandmarkInfo, encoder: Encoder) -> None:
        axes, landmarks = len(info.patch), len(info.points)
        super().__init__()
        self.encoder = encoder
        kind = nn.Conv2d if axes == 2 else nn.Conv3d
        self.look = nn.Sequential(
            kind(encoder.features[-1] + axes, config.hidden, 1), nn.ReLU(inplace=True)
        )
        self.head = nn.Linear(config.hidden, landmarks * axes)
        nn.init.normal_(self.head.weight, std=0.01)
        start = [place or (0.5,) * axes for place in info.mean_points]
        with torch.no_grad():
            self.head.bias.copy_(torch.tensor(start).flatten())
        self.shape = (landmarks, axes)
        self.weight = config.coordinate_loss.weight
        self.coordinate_loss = build_coordinate_loss(config.coordinate_loss)

    def forward(self, images: Tensor) -> Tensor:
        """Images float ``(B, C, *size)`` to places in their voxels, float32 ``(B, K, D)``."""
        maps = self.encoder(images)[-1]
        looked = self.look(torch.cat((maps, _places(maps)), dim=1))
        shares: Tensor = self.head(looked.flatten(2).mean(2)).float().unflatten(1, self.shape)
        return shares * shares.new_tensor(images.shape[2:])

    def losses(self, images: Tensor, points: Tensor) -> Mapping[str, Tensor]:
        """See the base class; what lies outside of the image counts too."""
        assert self.coordinate_loss is not None
        known = ~points.isnan().any(2)
        safe = torch.where(known[..., None], points, torch.zeros_like(points))
        loss = masked_mean(self.coordinate_loss(self(images) - safe).mean(2), known)
        return {"loss": self.weight * loss}

    def locate(self, images: Tensor) -> Decoded:
        """See the base class; nothing is said of confidence, which is 1."""
        points = self(images)
        return Decoded(points, torch.ones_like(points[..., 0]))


def _places(maps: Tensor) -> Tensor:
    """Where each place of a map lies, -1..1 along each axis, ``(B, D, *size)``."""
    axes = [torch.linspace(-1, 1, side, device=maps.device) for side in maps.shape[2:]]
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij")).to(maps.dtype)
    return grid.expand(len(maps), *grid.shape)
