"""Where a classifier looks: its own attention, Grad-CAM, or what happens when parts are hidden."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from datamodules.batches import ClassifierBatch
from datamodules.errors import ConfigError
from lightning_modules.grad_cam import LEAST_PEAK, grad_cam, positive
from lightning_modules.networks.classifier import ClassifierNetwork
from lightning_modules.networks.pooling import max_of_cases
from lightning_modules.occlusion import occlusion

MadeBy = Literal["attention", "tile-scores", "attention-map", "grad-cam", "occlusion"]
"""The first two are of tiles: what each counts for, or what it would be given alone."""
Method = Literal["auto"] | MadeBy
"""Auto: what the network makes by itself, of tiles or as a map; else Grad-CAM."""
MOST_OCCLUDED = 16
"""Images of a case that occlusion is made of."""


def choose_method(network: ClassifierNetwork, method: Method = "auto") -> MadeBy:
    """How maps of a network are made.

    Raises:
        ConfigError: If it cannot make them so.
    """
    if network.tile_evidence is not None:
        if method not in ("auto", network.tile_evidence):
            raise ConfigError(
                f"{method} is for images, and tiles have a value each: leave out --method"
            )
        return network.tile_evidence
    if method in ("attention", "tile-scores"):
        raise ConfigError(f"{method} is of tiles, which slides have: use grad-cam or occlusion")
    if method == "occlusion":
        return "occlusion"
    if network.makes_maps and method != "grad-cam":
        return "attention-map"
    if method == "attention-map":
        raise ConfigError(
            "this network makes no attention map: use grad-cam or occlusion, or train one with"
            " --task.network.kind attention-map"
        )
    assert network.attention_layer  # raises where there is none
    return "grad-cam"


def explain(
    network: ClassifierNetwork, batch: ClassifierBatch, label: int, method: Method = "auto"
) -> Tensor:
    """Evidence for one label over each image.

    Args:
        network: In any mode; left as it was.
        batch: On the network's device.
        label: Which logit to explain.
        method: How.

    Returns:
        float32 ``(N, *size)`` in 0..1; of bags ``(N,)``, a number a tile. An attention map is the
        probability of the label at every place; Grad-CAM is 1 where the evidence in an image is
        strongest (of patches: in the whole volume, where each counts as much as attention lets
        it), all 0 without any; occlusion likewise. Attention is 1 for the tile that counts most.

    Raises:
        ConfigError: If the network has no attention map, or no layer for Grad-CAM.
    """
    made_by = choose_method(network, method)
    if made_by in ("attention", "tile-scores"):
        return _tile_weights(network, batch, label)
    if made_by == "attention-map":
        return _attention_maps(network, batch)[:, label]
    if made_by == "occlusion":
        if "case_of" in batch and len(batch["image"]) > MOST_OCCLUDED:
            raise ConfigError(
                f"occlusion would look at each of {len(batch['image'])} patches hundreds of times:"
                " use grad-cam"
            )
        return _hidden_parts(network, batch, label)
    layer = f"network.{network.attention_layer}"
    if network.images_at_once is not None:
        return _in_parts(network, batch, layer, label, network.images_at_once)
    return grad_cam(_OfImages(network, batch), layer, batch["image"], label)


def _tile_weights(network: ClassifierNetwork, batch: ClassifierBatch, label: int) -> Tensor:
    """What each tile counts for, over the most that a tile of its bag does.

    Where nothing weighs the tiles (mean and max pooling) it is what the label would be given if the
    tile were the whole bag.
    """
    was_training = network.training
    network.eval()
    with torch.inference_mode():
        weights = network.classify(batch).weights
        if weights is None:
            weights = _alone(network, batch)[:, label].float().sigmoid()
    network.train(was_training)
    case_of = batch["case_of"]
    peaks = max_of_cases(weights[:, None], case_of, int(case_of.max()) + 1)[:, 0]
    return (weights / peaks[case_of].clamp_min(LEAST_PEAK)).clone()


def _alone(network: ClassifierNetwork, batch: ClassifierBatch) -> Tensor:
    """Logits of each tile as a bag of its own, ``(N, L)``."""
    tiles = batch["image"]
    own = torch.arange(len(tiles), device=tiles.device)
    logits: Tensor = network(tiles, None, batch["table"][batch["case_of"]], own).logits
    return logits


def _attention_maps(network: ClassifierNetwork, batch: ClassifierBatch) -> Tensor:
    was_training = network.training
    with torch.inference_mode():
        maps = network.eval().classify(batch).maps
    network.train(was_training)
    assert maps is not None
    return F.interpolate(maps, size=batch["image"].shape[2:], mode="bilinear")


def _in_parts(
    network: ClassifierNetwork, batch: ClassifierBatch, layer: str, label: int, count: int
) -> Tensor:
    """Grad-CAM of patches, a few at a time, on one scale within each volume."""
    images, details = batch["image"], batch.get("detail")
    case_of = batch.get("case_of", torch.arange(len(images), device=images.device))
    raw = []
    for start in range(0, len(images), count):
        part = slice(start, start + count)
        found = network.evidence(images[part], label)
        if found is None:
            shown = _OfPatches(network, None if details is None else details[part])
            found = grad_cam(shown, layer, images[part], label, postprocess=positive)
        raw.append(found)
    return _on_one_scale(network, batch, torch.cat(raw), case_of)


def _on_one_scale(
    network: ClassifierNetwork, batch: ClassifierBatch, maps: Tensor, case_of: Tensor
) -> Tensor:
    """Maps of the images of each case in 0..1, where each counts as much as attention lets it."""
    if network.pooling == "attention":
        weights = _image_weights(network, batch)
        maps = maps * weights.reshape(-1, *[1] * (maps.ndim - 1))
    peaks = max_of_cases(maps.flatten(1).amax(1, keepdim=True), case_of, int(case_of.max()) + 1)
    scale = peaks[case_of].reshape(-1, *[1] * (maps.ndim - 1))
    return maps / scale.clamp_min(LEAST_PEAK)


def _hidden_parts(network: ClassifierNetwork, batch: ClassifierBatch, label: int) -> Tensor:
    """What the logit of each image, as if it were the whole case, loses when parts are hidden."""
    images, details, table = batch["image"], batch.get("detail"), batch["table"]
    case_of = batch.get("case_of", torch.arange(len(images), device=images.device))
    was_training = network.training
    network.eval()
    maps = []
    for number, image in enumerate(images):
        own = slice(number, number + 1)

        def logit_of(hidden: Tensor, own: slice = own) -> Tensor:
            count = len(hidden)
            logits: Tensor = network(
                hidden,
                None if details is None else details[own].expand(count, *details.shape[1:]),
                table[case_of[own]].expand(count, -1),
            ).logits
            return logits[:, label]

        maps.append(occlusion(logit_of, image))
    network.train(was_training)
    return _on_one_scale(network, batch, torch.stack(maps), case_of)


def _image_weights(network: ClassifierNetwork, batch: ClassifierBatch) -> Tensor:
    """How much attention lets each image count within its case."""
    was_training = network.training
    with torch.inference_mode():
        weights = network.eval().classify(batch).weights
    network.train(was_training)
    return torch.ones(len(batch["image"])) if weights is None else weights.clone()


class _OfPatches(nn.Module):
    """Logits of patches, each as if it were the whole volume."""

    def __init__(self, network: ClassifierNetwork, details: Tensor | None) -> None:
        super().__init__()
        self.network, self.details = network, details
        self.train(network.training)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network.head(self.network.look(images, self.details).vectors)
        return logits


class _OfImages(nn.Module):
    """Logits as a function of the images alone, as Grad-CAM wants them."""

    def __init__(self, network: ClassifierNetwork, batch: ClassifierBatch) -> None:
        super().__init__()
        self.network, self.batch = network, batch
        self.train(network.training)

    def forward(self, images: Tensor) -> Tensor:
        return self.network.classify({**self.batch, "image": images}).logits
