"""Hard-case sampling: how wrong the network was on each case, and how often it is drawn for it."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

LEAST_IMPORTANCE = 0.1
"""What a case weighs that the network is sure of. No case vanishes; and since errors end at 1, none
is drawn more than 11 times as often as another of the same outcome, so that a film with a wrong
label, which stays hard for ever, cannot take over."""

_ROW = np.dtype([("draw", np.int64), ("case", np.int64), ("error", np.float32)])


class CaseErrors:
    """The error of each case when training last drew it.

    Errors take effect between epochs only. In :meth:`finish_epoch` and :meth:`state_dict` all
    processes exchange what they have seen, and so must call them together.

    Args:
        cases: Number of cases in the table.

    Attributes:
        in_effect: float32 ``(cases,)`` in 0..1, what this epoch goes by. A case that was not drawn
            keeps its error; one that never was has 1, and so is looked at soon.

    References:
        van Grinsven et al., "Fast convolutional neural network training using selective data
        sampling: application to hemorrhage detection in color fundus images", IEEE TMI 2016.
        The paper chooses only negatives by their error; here each outcome has its hard cases,
        and errors are those of training itself (augmented, with dropout), without a further pass.
    """

    def __init__(self, cases: int) -> None:
        self.in_effect = np.ones(cases, dtype=np.float32)
        self._seen = np.empty(0, dtype=_ROW)
        self._on_device: list[tuple[Tensor, Tensor, Tensor]] = []

    def importance(self) -> np.ndarray:
        """Weight of each case against others of the same outcome, float64 ``(cases,)``.

        With ``samplers.label_balanced_weights``, the chance of case i becomes the mean over its
        known labels of ``(0.1 + error_i) / sum_j (0.1 + error_j)``, j running over the training
        cases with the same outcome of that label (of classes: those of its class).
        """
        return LEAST_IMPORTANCE + self.in_effect.astype(np.float64)

    def record(self, index: Tensor, draw: Tensor, errors: Tensor) -> None:
        """Note the errors of a batch, without waiting for the device.

        Args:
            index: Position of each case in the table, int64 ``(B,)``.
            draw: Position of each case in the epoch's global order, int64 ``(B,)``.
            errors: In 0..1, float ``(B,)``.
        """
        self._on_device.append((draw, index, errors.detach()))

    def finish_epoch(self) -> None:
        """Let the errors of the epoch take effect; of a case drawn twice, that of its last draw."""
        rows = self._gathered()
        self.in_effect[rows["case"]] = rows["error"]
        self._seen = np.empty(0, dtype=_ROW)

    def state_dict(self) -> dict[str, Any]:
        """Tensors: the errors in effect, and those seen so far in the epoch by all processes."""
        rows = self._gathered()
        seen = {name: torch.from_numpy(rows[name].copy()) for name in _ROW.names or ()}
        return {"in_effect": torch.from_numpy(self.in_effect.copy()), "seen": seen}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint; every process then holds what all of them had seen."""
        self.in_effect = state_dict["in_effect"].numpy().copy()
        self._seen = _rows(**state_dict["seen"])
        self._on_device = []

    def _gathered(self) -> np.ndarray:
        """What all processes have seen in this epoch, each draw once, in the order of draws."""
        if self._on_device:
            draw, case, error = (torch.cat(parts) for parts in zip(*self._on_device, strict=True))
            self._seen = np.concatenate([self._seen, _rows(draw, case, error)])
            self._on_device = []
        gathered = [self._seen]
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            gathered *= torch.distributed.get_world_size()
            torch.distributed.all_gather_object(gathered, self._seen)
        rows = np.concatenate(gathered)
        return rows[np.unique(rows["draw"], return_index=True)[1]]


def _rows(draw: Tensor, case: Tensor, error: Tensor) -> np.ndarray:
    rows = np.empty(len(draw), dtype=_ROW)
    rows["draw"], rows["case"] = draw.cpu().numpy(), case.cpu().numpy()
    rows["error"] = error.float().cpu().numpy()
    return rows
