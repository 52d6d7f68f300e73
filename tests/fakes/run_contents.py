"""What two runs that ought to be equal are compared by."""

import hashlib
import json

import torch

from callbacks.checkpoint_files import read_checkpoint
from callbacks.metrics_log import read_metrics
from experiments.run_folder import RunFolder

OF_THE_RUN_ITSELF = ("run", "experiment", "settings")


def everything(folder: RunFolder, name: str = "last.ckpt") -> str:
    """SHA-256 of all that a checkpoint holds but the name and the settings of its run."""
    checkpoint = read_checkpoint(folder.checkpoints / name)
    for key in OF_THE_RUN_ITSELF:
        del checkpoint["lightbox"][key]
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

    add(checkpoint)
    return digest.hexdigest()


def logged(folder: RunFolder) -> list[tuple[int, int, str]]:
    def values(row):
        kept = {k: v for k, v in row["values"].items() if not k.endswith("cases_per_second")}
        return json.dumps(kept, sort_keys=True)

    return [(row["step"], row["epoch"], values(row)) for row in read_metrics(folder.metrics_log)]
