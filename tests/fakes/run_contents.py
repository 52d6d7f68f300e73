"""What two runs that ought to be equal are compared by."""

import hashlib
import json

import torch

from callbacks.checkpoint_files import read_checkpoint
from callbacks.metrics_log import read_metrics
from experiments.run_folder import RunFolder


def everything(folder: RunFolder) -> str:
    """SHA-256 of weights, optimizer, schedule, averaged weights, and what sampling goes by."""
    checkpoint = read_checkpoint(folder.checkpoints / "last.ckpt")
    digest = hashlib.sha256()

    def add(value: object) -> None:
        if isinstance(value, torch.Tensor):
            digest.update(value.contiguous().numpy().tobytes())
        elif isinstance(value, dict):
            for key in sorted(value, key=str):
                digest.update(str(key).encode())
                add(value[key])
        elif isinstance(value, list | tuple):
            for each in value:
                add(each)
        else:
            digest.update(repr(value).encode())

    parts = ("state_dict", "current_model_state", "optimizer_states", "lr_schedulers", "XraysData")
    for part in parts:
        add(checkpoint.get(part))
    return digest.hexdigest()


def logged(folder: RunFolder) -> list[tuple[int, int, str]]:
    def values(row):
        kept = {k: v for k, v in row["values"].items() if not k.endswith("cases_per_second")}
        return json.dumps(kept, sort_keys=True)

    return [(row["step"], row["epoch"], values(row)) for row in read_metrics(folder.metrics_log)]
