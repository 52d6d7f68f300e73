"""What the measurements were made on, and whether it had other things to do."""

import os
from pathlib import Path
from typing import Any

import torch

from experiments.environment import describe_environment

FACTS = ("python", "platform", "packages", "revision", "cpu_cores", "memory_gib", "gpus")
SHOWN = ("torch", "pytorch-lightning", "monai", "torchmetrics", "scikit-learn", "numpy")
BUSY = 0.5
"""Processes that wait or run, a core, over the last minute."""


def describe_machine() -> dict[str, Any]:
    """Plain values for JSON: versions, revision, hardware, threads, load."""
    facts = describe_environment()
    return {
        **{name: facts[name] for name in FACTS},
        "processor": _processor(),
        "torch_threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 2),
    }


def machine_text(machine: dict[str, Any]) -> str:
    """The same for a person, with a warning where timings would mean little."""
    versions = ", ".join(f"{name} {machine['packages'][name]}" for name in SHOWN)
    lines = [
        f"{machine['cpu_cores']} cores of {machine['processor']}, "
        f"{machine['memory_gib']} GiB, {machine['torch_threads']} threads of torch",
        f"Python {machine['python']}, {versions}",
    ]
    if machine["load"] > BUSY * machine["cpu_cores"]:
        lines.append(
            f"The machine is busy (load {machine['load']}): these timings mean little; run again"
            " when it is not."
        )
    return "\n".join(lines)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "an unknown processor"
