"""Which of a run's processes this one is, who started them, and how they find each other."""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from datamodules.errors import ConfigError, LightboxError
from experiments.configs.trainer import TrainerConfig
from experiments.run_folder import RunFolder

Launcher = Literal["slurm", "torchrun", "lightbox"]
"""Who starts the processes; ``lightbox``: the first one starts the others, when training begins."""
POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Process:
    """One process of a run.

    Attributes:
        rank: Among all, from 0.
        local_rank: Among those of its machine.
        world_size: How many were started together; None: the first one starts the others.
        launcher: Who started them.
        launch: Names this start of them all; "" where the first one starts the others.
    """

    rank: int
    local_rank: int
    world_size: int | None
    launcher: Launcher
    launch: str

    @property
    def leading(self) -> bool:
        """Whether it owns the run folder; the others only compute."""
        return self.rank == 0

    @property
    def together(self) -> bool:
        """Whether it was started at the same time as others, by something outside of Lightbox."""
        return self.world_size is not None and self.world_size > 1


def this_process(environment: Mapping[str, str] | None = None) -> Process:
    """Find out from the environment.

    Args:
        environment: That of the process; None: ``os.environ``.

    Raises:
        ConfigError: If a job has several tasks, but srun did not start this process.
    """
    env = os.environ if environment is None else environment
    if "TORCHELASTIC_RUN_ID" in env:
        launch = f"{env['TORCHELASTIC_RUN_ID']}.{env.get('TORCHELASTIC_RESTART_COUNT', '0')}"
        size = int(env["WORLD_SIZE"])
        return Process(int(env["RANK"]), int(env["LOCAL_RANK"]), size, "torchrun", launch)
    tasks = int(env.get("SLURM_STEP_NUM_TASKS", "1"))
    if tasks > 1 and "LOCAL_RANK" not in env:
        count = env.get("SLURM_RESTART_COUNT", "0")
        launch = f"{env['SLURM_JOB_ID']}.{env['SLURM_STEP_ID']}.{count}"
        rank, local = int(env["SLURM_PROCID"]), int(env["SLURM_LOCALID"])
        return Process(rank, local, tasks, "slurm", launch)
    local = int(env.get("LOCAL_RANK", "0"))
    return Process(local, local, None, "lightbox", "")


def check_size(process: Process, config: TrainerConfig) -> None:
    """See that as many processes were started as the experiment has.

    Raises:
        ConfigError: Says how to start it.
    """
    wanted = config.devices * config.nodes
    if process.world_size is None and config.nodes > 1:
        raise ConfigError(
            f"the run has {config.nodes} nodes, and one process cannot start those of others:"
            " submit it with --slurm.*, or start it with srun or torchrun"
        )
    if process.together and process.world_size != wanted:
        raise ConfigError(
            f"{process.launcher} started {process.world_size} processes, but the experiment has"
            f" {config.devices} (--trainer.devices) on {config.nodes} (--trainer.nodes)"
        )


def await_preparation(folder: RunFolder, process: Process) -> None:
    """Wait until the leading process has prepared the run: by its folder, not in a collective.

    Raises:
        LightboxError: If it failed; its own message is in the run folder.
    """
    while True:
        try:
            status = folder.status()
        except (OSError, json.JSONDecodeError):
            status = {}  # a network file system between two versions of the file
        if status.get("prepared") == process.launch:
            return
        if status.get("launch") == process.launch and status["state"] in ("failed", "interrupted"):
            raise LightboxError(f"the leading process ended: {status['error']}")
        time.sleep(POLL_SECONDS)
