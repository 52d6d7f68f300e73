"""A training step on a large volume with and without gradient checkpointing: memory and time.

Each is measured in a process of its own. The peak is of everything that the step holds at one time
beyond what was there before it: activations, what is computed from them, and the gradients of all
weights. On a CPU the C library is meanwhile told to give back at once what is freed, as it
otherwise keeps some of it for later, differently every time; the time is measured without.

Usage: ``python -m experiments.benchmarks.gradient_checkpointing NETWORK SIDE with|without``.
"""

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn

import experiments
from datamodules.data_info import DataInfo, LabelSet
from datamodules.errors import LightboxError
from experiments.benchmarks.comparison import Comparison
from experiments.benchmarks.sizes import Sizes
from experiments.benchmarks.timing import seconds
from lightning_modules.configs.volume_networks import DenseNet3dConfig, ResNet3dConfig
from lightning_modules.networks.volume_networks import build_volume_network

NETWORKS: dict[str, ResNet3dConfig | DenseNet3dConfig] = {
    "ResNet-18": ResNet3dConfig(depth=18),
    "DenseNet-121": DenseNet3dConfig(depth=121),
}
MEMORY_GOAL, TIME_GOAL = 0.75, 2
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Numbers that the C library has for the least memory that is given back at once."""
WARM_UP_SIDE, TIMED_STEPS = 32, 3
STATUS, RESET_PEAK = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def compare(sizes: Sizes, folder: Path) -> Iterator[Comparison]:
    """Peak memory and time of a step of either network."""
    del folder
    for name in NETWORKS:
        ours: list[tuple[float, float]] = []
        other: list[tuple[float, float]] = []
        for _ in range(sizes.rounds):
            ours.append(measure_apart(name, sizes.step_side, "with"))
            other.append(measure_apart(name, sizes.step_side, "without"))
        memory, time = zip(*ours, strict=True)
        other_memory, other_time = zip(*other, strict=True)
        step, plain = f"a step of {name} on {sizes.step_side}^3 voxels", "without checkpointing"
        yield Comparison(
            f"memory, {step}", "MB", memory, "times as much", MEMORY_GOAL, plain, other_memory
        )
        yield Comparison(f"time, {step}", "s", time, "times as long", TIME_GOAL, plain, other_time)


def measure_apart(network: str, side: int, checkpointing: str) -> tuple[float, float]:
    """Megabytes and seconds of a step, in a process of its own.

    Raises:
        LightboxError: If it fails; with the end of what it said.
    """
    done = subprocess.run(
        [sys.executable, "-m", __name__, network, str(side), checkpointing],
        cwd=Path(next(iter(experiments.__path__))).parent,
        env=dict(os.environ),
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise LightboxError(f"the step cannot be measured: {done.stderr[-1000:]}")
    megabytes, time = json.loads(done.stdout.splitlines()[-1])
    return megabytes, time


def main(name: str, side: int, checkpointing: str) -> None:
    """Print the megabytes of the first step and the seconds of those after it."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    _give_back_from(2**16)
    config = NETWORKS[name].replace(checkpointing=checkpointing == "with")
    labels = LabelSet(("label",), exclusive=False)
    network = build_volume_network(config, DataInfo(labels, (1,), (1,), 1, (side,) * 3))
    network.to(device).train()
    _step(network, torch.randn(2, 1, *(WARM_UP_SIDE,) * 3, device=device))
    volume = torch.randn(1, 1, *(side,) * 3, device=device)
    before = _start_peak(device)
    _step(network, volume)
    megabytes = (_peak(device) - before) / 1e6
    _give_back_from(2**25)
    times = [seconds(lambda: _step(network, volume)) for _ in range(TIMED_STEPS)]
    print(json.dumps([megabytes, median(times)]))


def _step(network: nn.Module, volume: Tensor) -> None:
    """Forward and backward; the gradients are forgotten, as they are before every step."""
    network(volume).logits.sum().backward()
    network.zero_grad(set_to_none=True)
    if volume.is_cuda:
        torch.cuda.synchronize()


def _give_back_from(least: int) -> None:
    """Let the C library give freed memory back to the system at once from so many bytes on.

    It comes to 2**25 by itself where large pieces are freed often.
    """
    library = ctypes.CDLL(None)
    library.mallopt(MMAP_THRESHOLD, least)
    library.mallopt(TRIM_THRESHOLD, 2 * least)


def _start_peak(device: str) -> int:
    """Bytes that are held now, from which on the peak is looked for."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated()
    RESET_PEAK.write_text("5")
    return _kernel_says("VmRSS:")


def _peak(device: str) -> int:
    return torch.cuda.max_memory_allocated() if device == "cuda" else _kernel_says("VmHWM:")


def _kernel_says(field: str) -> int:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
