"""Which training steps of a volume classifier fit in memory, at any size of volumes."""

from dataclasses import replace
from math import prod

from datamodules.configs.volumes import Size
from datamodules.data_info import DataInfo
from experiments.experiment import Experiment
from experiments.task_kinds.volume_classification import settings_of
from lightning_modules.networks.training_memory import StepMemory, step_memory
from lightning_modules.networks.volume_networks import build_volume_network

SURELY = 0.9
"""Of the bytes a voxel of a larger volume: no smaller one takes less than this share of it."""


class NetworkMemory:
    """Memory of the training steps of an experiment's network.

    Args:
        experiment: Names network and precision.
        data: What is known of the data; its size does not count.
        memory_gb: Of the GPU.
    """

    def __init__(self, experiment: Experiment, data: DataInfo, memory_gb: float) -> None:
        self.network = settings_of(experiment)[0].network
        self.mixed = experiment.trainer.precision != "32"
        self.data, self.memory_gb = data, memory_gb
        self._known: dict[Size, StepMemory] = {}

    def of_step(self, size: Size) -> StepMemory:
        """Memory of a step on images of a size; counted once."""
        if size not in self._known:
            data = replace(self.data, size=size)
            self._known[size] = step_memory(
                lambda: build_volume_network(self.network, data, load_weights=False),
                (data.channels, *size),
                candidates=data.candidates,
                mixed=self.mixed,
            )
        return self._known[size]

    def fits(self, size: Size, images: int) -> bool:
        """Whether a step of so many images does; counts nothing where larger ones tell."""
        voxels = prod(size)
        for other, known in self._known.items():
            scaled = int(SURELY * known.an_image * voxels / prod(other))
            least = StepMemory(known.fixed, max(1, scaled))
            if prod(other) > voxels and least.images_in(self.memory_gb) < images:
                return False
        return self.of_step(size).images_in(self.memory_gb) >= images
