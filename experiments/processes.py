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
_claimed: list[bool] = []


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
    """
    env = os.environ if environment is None else environment
    if "TORCHELASTIC_RUN_ID" in env:
        rank, local, size = (int(env[name]) for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE"))
        return Process(rank, local, size, "torchrun", _start_by_torchrun(env))
    tasks = int(env.get("SLURM_STEP_NUM_TASKS", "1"))
    if tasks > 1 and "LOCAL_RANK" not in env:
        count = env.get("SLURM_RESTART_COUNT", "0")
        launch = f"{env['SLURM_JOB_ID']}.{env['SLURM_STEP_ID']}.{count}"
        rank, local = int(env["SLURM_PROCID"]), int(env["SLURM_LOCALID"])
        return Process(rank, local, tasks, "slurm", launch)
    local = int(env.get("LOCAL_RANK", "0"))
    return Process(local, local, None, "lightbox", "")


def _start_by_torchrun(env: Mapping[str, str]) -> str:
    """A name of this start; torchrun calls every one "none" unless it is given an id."""
    names = ("TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT", "MASTER_PORT")
    parts = [env.get(name, "") for name in names]
    if env.get("LOCAL_WORLD_SIZE") == env["WORLD_SIZE"]:
        parts.append(str(os.getppid()))  # torchrun itself, which all of them have in common
    return ".".join(parts)


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
    if process.world_size not in (None, wanted):
        raise ConfigError(
            f"{process.launcher} started {process.world_size} processes, but the experiment has"
            f" {config.devices} (--trainer.devices) on {config.nodes} (--trainer.nodes)"
        )


def check_unclaimed(config: TrainerConfig) -> None:
    """See that this program has not carried out a run of several processes already.

    What such a run leaves behind, rank and connections, would lead a second one astray.

    Raises:
        ConfigError: If it has.
    """
    if _claimed and config.devices * config.nodes > 1:
        raise ConfigError(
            "this program has carried out a run of several processes before; give each its own"
            " program, or use --trainer.devices 1"
        )


def claim(config: TrainerConfig) -> None:
    """Remember that this program carries out a run, if it has several processes."""
    if config.devices * config.nodes > 1:
        _claimed.append(True)


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
