"""Grad-CAM: where the gradient of one output lets features count."""

from collections.abc import Callable
from typing import Any

import torch
from monai.visualize.class_activation_maps import GradCAM
from torch import Tensor, nn

LEAST_PEAK = 1e-12
"""Of a map that is divided by its maximum."""


def grad_cam(
    network: nn.Module,
    layer: str,
    images: Tensor,
    output: int,
    postprocess: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Evidence for one output over each image, by Grad-CAM.

    Args:
        network: Returns logits ``(B, L)``; its parameters may be frozen.
        layer: Name of the layer whose map is used.
        images: float32 ``(B, C, *size)``, normalised.
        output: Which logit to explain.
        postprocess: Of maps ``(B, 1, *size)``; None: each is divided by its maximum.

    Returns:
        float32 ``(B, *size)``, in 0..1: 1 where the evidence is strongest, all 0 without any.

    References:
        Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
        Localization", ICCV 2017.
    """
    was_training = network.training
    explainer = GradCAM(
        network.eval(), target_layers=layer, postprocessing=postprocess or _to_unit_range
    )
    with torch.inference_mode(False), torch.enable_grad():
        maps: Any = explainer(images.clone().requires_grad_(), class_idx=output)
    network.train(was_training)
    network.zero_grad(set_to_none=True)
    result: Tensor = maps[:, 0].detach().float()
    return result


def positive(maps: Tensor) -> Tensor:
    """Maps without what speaks against the output."""
    return maps.detach().clamp_min(0)


def _to_unit_range(maps: Tensor) -> Tensor:
    """Divide each map by its maximum; MONAI's own scaling turns light to dark."""
    positive = maps.detach().clamp_min(0)
    peak = positive.amax(dim=tuple(range(1, positive.ndim)), keepdim=True)
    return positive / peak.clamp_min(LEAST_PEAK)
