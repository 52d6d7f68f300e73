"""Where a classifier looks."""

from typing import Any

import torch
from monai.visualize.class_activation_maps import GradCAM
from torch import Tensor, nn


def grad_cam(network: nn.Module, layer: str, images: Tensor, output: int) -> Tensor:
    """Evidence for one output over each image, by Grad-CAM.

    Args:
        network: Returns logits ``(B, L)``; its parameters may be frozen.
        layer: Name of the layer whose map is used.
        images: float32 ``(B, C, H, W)``, normalised.
        output: Which logit to explain.

    Returns:
        float32 ``(B, H, W)`` in 0..1: 1 where the evidence is strongest, all 0 without any.

    References:
        Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
        Localization", ICCV 2017.
    """
    was_training = network.training
    explain = GradCAM(network.eval(), target_layers=layer, postprocessing=_to_unit_range)
    with torch.inference_mode(False), torch.enable_grad():
        maps: Any = explain(images.clone().requires_grad_(), class_idx=output)
    network.train(was_training)
    network.zero_grad(set_to_none=True)
    result: Tensor = maps[:, 0].detach().float()
    return result


def _to_unit_range(maps: Tensor) -> Tensor:
    """Divide each map by its maximum; MONAI's own scaling turns light to dark."""
    positive = maps.detach().clamp_min(0)
    peak = positive.amax(dim=tuple(range(1, positive.ndim)), keepdim=True)
    return positive / peak.clamp_min(1e-12)
