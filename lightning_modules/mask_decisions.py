"""From logits to masks: thresholds and clean-up, both chosen on validation."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.data_info import LabelSet
from datamodules.errors import ConfigError
from lightning_modules.configs.operating_points import (
    FixedThresholdConfig,
    TargetSensitivityConfig,
)
from lightning_modules.configs.segmenter import CleanUpConfig, MaskThreshold, SegmenterConfig
from lightning_modules.metrics.clean_up import (
    KEEP_ALL,
    LARGEST_ONLY,
    CleanUp,
    choose_clean_up,
    clean_up,
    score_clean_up,
)
from lightning_modules.metrics.mask_thresholds import highest_threshold, probability_histogram

Row = dict[str, Any]
Point = dict[str, Any]
"""What was chosen: ``thresholds`` and ``clean_up`` by structure, each absent where it was not."""
EVEN = 0.5


class MaskDecisions:
    """How a segmenter decides, and what each validation case tells about how it should.

    Args:
        config: Settings of the segmenter.
        labels: The structures.

    Raises:
        ConfigError: If a threshold is asked for where there is none.
    """

    def __init__(self, config: SegmenterConfig, labels: LabelSet) -> None:
        check_threshold(config.threshold, labels)
        self.wanted, self.labels = config.threshold, labels
        self.rules = _rules(config.clean_up)

    def decide(self, logits: Tensor, point: Point) -> Tensor:
        """From logits ``(K, *spatial)`` to a mask uint8 ``(M, *spatial)``."""
        if self.labels.exclusive and not self.labels.binary:
            return logits.argmax(0, keepdim=True).to(torch.uint8)
        odds = self._log_odds(logits)
        limits = [_logit(threshold) for threshold in self.thresholds(point).values()]
        shape = (-1, *[1] * (odds.ndim - 1))
        return (odds >= torch.tensor(limits, device=odds.device).reshape(shape)).to(torch.uint8)

    def thresholds(self, point: Point) -> dict[str, float]:
        """Probability from which a voxel belongs to each structure."""
        usual = self.wanted.threshold if isinstance(self.wanted, FixedThresholdConfig) else EVEN
        chosen: Mapping[str, Mapping[str, float]] = point.get("thresholds", {})
        return {
            name: chosen[name]["threshold"] if name in chosen else usual
            for name in self.labels.names
        }

    def cleaned(self, mask: NDArray[np.uint8], point: Point, voxel: float) -> NDArray[np.uint8]:
        """The mask without the components that were chosen to go; ``voxel``: size of one."""
        return clean_up(mask, self.labels.names, point.get("clean_up", {}), voxel)

    def lacks_thresholds(self, point: Point) -> bool:
        """Whether thresholds are still to be chosen."""
        return isinstance(self.wanted, TargetSensitivityConfig) and "thresholds" not in point

    def histograms(
        self, logits: NDArray[np.floating[Any]], truth: NDArray[np.uint8]
    ) -> dict[str, list[int]]:
        """Probabilities inside each structure, counted.

        Args:
            logits: ``(K, *spatial)``.
            truth: Mask ``(M, *spatial)`` on the same grid.
        """
        odds = self._log_odds(torch.from_numpy(logits).float())
        return {
            name: probability_histogram(own.sigmoid().numpy(), inside)
            for name, own, inside in zip(self.labels.names, odds, truth, strict=True)
        }

    def clean_up_counts(
        self, mask: NDArray[np.uint8], truth: NDArray[np.uint8], point: Point, voxel: float
    ) -> Row:
        """What a case tells about the clean-up, a part of its row; nothing if that is settled."""
        if self.rules == [KEEP_ALL] or "clean_up" in point:
            return {}
        counts = score_clean_up(mask, truth, self.labels.names, self.rules, voxel)
        return {"clean_up": counts}

    def choose(self, rows: Sequence[Row], point: Point) -> Point:
        """Thresholds first, where they are to be chosen, and then the clean-up at them."""
        if isinstance(self.wanted, TargetSensitivityConfig) and self.lacks_thresholds(point):
            target = self.wanted.sensitivity
            return {
                "thresholds": {
                    name: dict(highest_threshold([r["histograms"][name] for r in rows], target))
                    for name in self.labels.names
                }
            }
        counts = [row["clean_up"] for row in rows if "clean_up" in row]
        rules = choose_clean_up(counts, self.rules)
        return {**point, "clean_up": rules} if rules else point

    def _log_odds(self, logits: Tensor) -> Tensor:
        """Of each structure ``(L, *spatial)``; an exclusive one stands against the background."""
        return logits[1:] - logits[:1] if self.labels.exclusive else logits


def check_threshold(config: MaskThreshold, labels: LabelSet) -> None:
    """Look whether there is a threshold to choose.

    Raises:
        ConfigError: If not.
    """
    if labels.exclusive and not labels.binary and config != FixedThresholdConfig():
        raise ConfigError(
            f"--task.threshold: {len(labels.names)} structures exclude one another, and the"
            " likeliest is taken: there is no threshold to choose"
        )


def _logit(probability: float) -> float:
    if probability in (0.0, 1.0):
        return math.inf if probability else -math.inf
    return math.log(probability / (1 - probability))


def _rules(config: CleanUpConfig) -> list[CleanUp]:
    """What is tried on validation: nothing first, so that it wins where all are alike."""
    largest = [LARGEST_ONLY] if config.largest_component else []
    sizes = [CleanUp(largest_only=False, smallest=size) for size in config.smallest_ml]
    return [KEEP_ALL, *largest, *sizes]
