"""What can be set about a Slurm cluster: where a run is submitted, and what its jobs need."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from datamodules.schema import LocalPath, Settings

Word = Annotated[str, StringConstraints(pattern=r"^[^\s\"'\\$`]+$")]
"""What stands in a ``#SBATCH`` line without quotes."""
Line = Annotated[str, StringConstraints(pattern=r"^[^\n\r]+$")]


def _duration(text: str) -> str:
    if not re.fullmatch(r"\d+-\d+(:\d+){0,2}|\d+(:\d+){0,2}", text):
        raise ValueError(f"{text} is no time; write 12:00:00, 1-00:00:00, or a number of minutes")
    return text


def _memory(text: str) -> str:
    if not re.fullmatch(r"\d+[KMGT]?", text):
        raise ValueError(f"{text} is no size; write it as 64G, or 512M")
    return text


Duration = Annotated[str, AfterValidator(_duration)]
Memory = Annotated[str, AfterValidator(_memory)]


class SlurmConfig(Settings):
    """How a run is submitted to a Slurm cluster."""

    profile: LocalPath | None = None
    """Settings of a cluster: NAME for NAME.yaml in ~/.config/lightbox/clusters, or a .yaml file."""
    partition: Word | None = None
    """Partition (queue); none: the cluster's default."""
    account: Word | None = None
    """Account that is charged."""
    qos: Word | None = None
    """Quality of service."""
    constraint: Word | None = None
    """Features that nodes must have, such as a100."""
    time: Duration | None = None
    """Limit of a job, as 12:00:00 or 1-00:00:00; the run goes on in another one when it ends."""
    nodes: int = Field(default=1, ge=1)
    """Machines; with more than one, trainer.nodes follows."""
    gpus_per_node: int | None = Field(default=None, ge=0)
    """GPUs of a machine, a process each; 0: no GPU; none: trainer.devices, where there are any."""
    gpu_type: Word | None = None
    """Kind of GPU as the cluster names it, such as a100."""
    cpus_per_process: int | None = Field(default=None, ge=1)
    """CPU cores of each process; none: one, and one more for each of data.workers."""
    memory: Memory | None = None
    """Memory of a machine, such as 64G; none: the partition's default."""
    requeue: bool = True
    """Whether the job queues again when its time ends, and Slurm may start it again."""
    warning_seconds: int = Field(default=120, ge=10, le=65535)
    """Seconds before the time limit in which the state is saved and the job queued again."""
    modules: tuple[Word, ...] = ()
    """Environment modules to load."""
    setup: tuple[Line, ...] = ()
    """Shell lines that come before Python, such as `export NCCL_SOCKET_IFNAME=ib0`."""
    lines: tuple[Line, ...] = ()
    """Further options of sbatch, one each, such as `--exclusive`."""
    prefix: Line | None = None
    """What stands before Python, such as `apptainer exec --nv image.sif`; none: nothing."""
    python: LocalPath | None = None
    """Interpreter on the nodes; none: the one that submits."""
    scratch: Line | None = None
    """Folder on each node's own disk to copy the image cache to, such as $TMPDIR; none: no copy."""
    prepare_partition: Word | None = None
    """CPU partition of a job that builds the image cache before the run; none: no such job."""
    concurrency: int | None = Field(default=None, ge=1)
    """Jobs of an array that may run at the same time; none: no limit."""

    @model_validator(mode="after")
    def _lines_are_options(self) -> Self:
        wrong = [line for line in self.lines if not line.startswith("-")]
        if wrong:
            raise ValueError(f"lines: {wrong[0]!r} is no option of sbatch; it must begin with -")
        return self
