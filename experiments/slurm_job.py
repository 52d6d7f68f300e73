"""Seen from inside a Slurm job: its name, its cores, and how it queues again."""

import logging
import os
import time

from datamodules.errors import LightboxError
from experiments.slurm_commands import ask

log = logging.getLogger("lightbox")

TRIES = 3
PAUSE_SECONDS = 2.0


def job_id() -> str | None:
    """The job that this process belongs to, as scontrol calls it; None outside of Slurm."""
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{task}" if array and task else os.environ.get("SLURM_JOB_ID")


def cpus_of_process(processes: int) -> int:
    """CPU cores for each of the processes of this machine: of its allocation, or its share."""
    if "SLURM_JOB_ID" in os.environ and (cores := os.environ.get("SLURM_CPUS_PER_TASK")):
        return int(cores)
    return max(1, len(os.sched_getaffinity(0)) // processes)


def warn_of_unused_gpus(accelerator: str) -> None:
    """Say so if the job has GPUs that torch cannot use, and the CPU takes their place."""
    import torch

    given = "SLURM_GPUS_ON_NODE" in os.environ
    if given and accelerator == "auto" and not torch.cuda.is_available():
        log.warning(
            "this job has GPUs, but torch sees none, and trains on the CPU;"
            " --trainer.accelerator gpu would end it instead"
        )


def requeue(job: str) -> str | None:
    """Ask Slurm to queue a job again, which ends it.

    Returns:
        Why it refused; None: it did not.
    """
    for number in range(TRIES):
        if number:
            time.sleep(PAUSE_SECONDS)
        fault = _requeue_once(job)
        if fault is None:
            return None
        log.warning("scontrol requeue %s: %s", job, fault)
    return fault


def _requeue_once(job: str) -> str | None:
    try:
        done = ask(["scontrol", "requeue", job])
    except LightboxError as error:
        return str(error)
    return None if done.returncode == 0 else done.stderr.strip() or f"exit {done.returncode}"
