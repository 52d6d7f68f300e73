"""A training step on one large volume with and without gradient checkpointing: memory and time.

Each step is made in a process of its own, which gives freed memory back at once, so that the peak
is that of what is held at one time. The gradients of all parameters are in it; the optimizer's
averages are not.

Usage: ``python -m experiments.benchmarks.gradient_checkpointing NETWORK SIDE CHECKPOINTING``.
"""

from collections.abc import Iterator
from pathlib import Path

from experiments.benchmarks.comparison import Comparison
from experiments.benchmarks.sizes import Sizes
from lightning_modules.configs.volume_networks import DenseNet3dConfig, ResNet3dConfig

NETWORKS = {"ResNet-18": ResNet3dConfig(depth=18), "DenseNet-121": DenseNet3dConfig(depth=121)}
MEMORY_GOAL, TIME_GOAL = 0.75, 1.6
TIMED_STEPS = 3
FREED_AT_ONCE = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
"""Without these the C library keeps memory for later, differently each time."""
MEGABYTE = 1e6


def compare(sizes: Sizes, folder: Path) -> Iterator[Comparison]:
    """Peak memory and time of a step of each network, with and without."""
    del folder
    side = sizes.step_side
    for name in NETWORKS:
        found: dict[str, list[float]] = {"with": [], "without": []}
        steps = {
            key: lambda key=key: step_apart(name, side, found[key], checkpointing=key == "with")
            for key in found
        }
