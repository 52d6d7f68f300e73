"""The text of job scripts: what a person would write by hand, and may edit."""

import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from experiments.configs.slurm import SlurmConfig
from experiments.experiment import Experiment

OWN_VARIABLES = ("LIGHTBOX_DATA", "LIGHTBOX_CACHE", "LIGHTBOX_RUNS")
"""Folders that a job finds as the one who submits it does."""


def training_script(
    experiment: Experiment, run: Path, gpus: int, environment: Mapping[str, str] | None = None
) -> str:
    """A job that goes on with a run, whether it has begun or not.

    Args:
        experiment: Its settings; ``trainer.devices`` processes on each node.
        run: Its folder.
        gpus: Of each node; 0: none are asked for.
        environment: Variables of the one who submits; None: those of this process.
    """
    return _text(
        f"Goes on with run {run.parent.name}/{run.name}, from its start or its last checkpoint.",
        f"sbatch {shlex.quote(str(run / 'submit.sh'))}",
        [
            *_options(experiment.slurm, experiment.name, run / "slurm" / "%j.log"),
            *_resources(experiment, gpus),
        ],
        _body(experiment.slurm, [shlex.quote(str(run))], environment),
    )


def array_script(
    experiment: Experiment,
    folder: Path,
    runs: int,
    gpus: int,
    environment: Mapping[str, str] | None = None,
) -> str:
    """An array of jobs, each of which goes on with the run in one line of ``runs.txt``.

    Args:
        experiment: Settings that the runs share.
        folder: Of the sweep.
        runs: How many there are.
        gpus: Of each node; 0: none are asked for.
        environment: Variables of the one who submits; None: those of this process.
    """
    at_once = experiment.slurm.concurrency
    array = f"--array=1-{runs}" + (f"%{at_once}" if at_once else "")
    run = [f'"$(sed -n "${{SLURM_ARRAY_TASK_ID}}p" {shlex.quote(str(folder / "runs.txt"))})"']
    return _text(
        f"Each job goes on with one of the {runs} runs that runs.txt lists.",
        f"sbatch {shlex.quote(str(folder / 'array.sh'))}",
        [
            *_options(experiment.slurm, experiment.name, folder / "slurm" / "%A_%a.log"),
            *_resources(experiment, gpus),
            array,
        ],
        _body(experiment.slurm, run, environment),
    )


def small_script(
    config: SlurmConfig,
    words: Sequence[str],
    folder: Path,
    what: str,
    partition: str | None,
    cpus: int = 1,
    environment: Mapping[str, str] | None = None,
) -> str:
    """A job of one process without a GPU, beside the training itself.

    Args:
        config: Of the cluster; its memory, nodes and GPUs do not count here.
        words: What Python is called with, such as ``["-m", "experiments.prepare", ...]``.
        folder: Where its log goes.
        what: Names it, and its script ``WHAT.sh``.
        partition: Where it runs; None: the cluster's default.
        cpus: Cores.
        environment: Variables of the one who submits; None: those of this process.
    """
    options = _options(
        config.model_copy(update={"partition": partition, "constraint": None, "lines": ()}),
        f"{folder.parent.name}-{what}",
        folder / "slurm" / f"{what}-%j.log",
    )
    body = [*_preparation(config, environment), "", f"exec {_python(config)} {shlex.join(words)}"]
    return _text(
        f"{what.capitalize()}: one process, no GPU.",
        f"sbatch {shlex.quote(str(folder / f'{what}.sh'))}",
        [*options, f"--cpus-per-task={cpus}"],
        body,
    )


def cpus_per_process(experiment: Experiment) -> int:
    """CPU cores for each process: as set, else its own and one for each loader worker."""
    return experiment.slurm.cpus_per_process or 1 + experiment.data.workers


def _text(what: str, how: str, options: Sequence[str], body: Sequence[str]) -> str:
    lines = [
        "#!/bin/bash",
        f"# {what}",
        f"# Written by Lightbox. Edit it as you like, and submit it again with: {how}",
        *(f"#SBATCH {option}" for option in options),
        "",
        *body,
    ]
    return "\n".join(lines) + "\n"


def _options(config: SlurmConfig, name: str, log: Path) -> list[str]:
    given = {
        "partition": config.partition,
        "account": config.account,
        "qos": config.qos,
        "constraint": config.constraint,
        "time": config.time,
    }
    return [
        f"--job-name={name}",
        f'--chdir="{_escaped(Path.cwd())}"',
        f'--output="{_escaped(log.parent)}/{log.name}"',
        "--open-mode=append",
        *(f"--{option}={value}" for option, value in given.items() if value is not None),
        *config.lines,
    ]


def _resources(experiment: Experiment, gpus: int) -> Iterator[str]:
    config = experiment.slurm
    yield f"--nodes={config.nodes}"
    yield f"--ntasks-per-node={experiment.trainer.devices}"
    yield f"--cpus-per-task={cpus_per_process(experiment)}"
    if gpus:
        kind = f"{config.gpu_type}:" if config.gpu_type else ""
        yield f"--gpus-per-node={kind}{gpus}"
    if config.memory is not None:
        yield f"--mem={config.memory}"
    yield f"--signal=SIGUSR1@{config.warning_seconds}"
    yield "--requeue" if config.requeue else "--no-requeue"


def _body(
    config: SlurmConfig, run: Sequence[str], environment: Mapping[str, str] | None
) -> list[str]:
    """Each task of srun is one process of the run; when one dies, srun says which, and ends all."""
    lines = [*_preparation(config, environment), 'export SRUN_CPUS_PER_TASK="$SLURM_CPUS_PER_TASK"']
    if config.scratch is not None:
        lines += [
            "",
            "# The image cache goes to each node's own disk first.",
            f'export LIGHTBOX_STAGED="{config.scratch}/lightbox-$SLURM_JOB_ID"',
            'srun --ntasks="$SLURM_NNODES" --ntasks-per-node=1 \\',
            f"    {_python(config)} -m experiments.prepare --resume {run[0]} --copy-to"
            ' "$LIGHTBOX_STAGED"',
            'export LIGHTBOX_CACHE="$LIGHTBOX_STAGED"',
        ]
    return [
        *lines,
        "",
        "exec srun --kill-on-bad-exit=1 --wait=0 \\",
        f"    {_python(config)} -m experiments.run --resume {run[0]}",
    ]


def _preparation(config: SlurmConfig, environment: Mapping[str, str] | None) -> list[str]:
    """What comes before Python; scripts of modules and of conda use variables that are not set."""
    known = os.environ if environment is None else environment
    lines = ["set -eo pipefail"]
    for name in OWN_VARIABLES:
        if name in known:
            folder = Path(known[name]).expanduser().absolute()
            lines.append(f"export {name}={shlex.quote(str(folder))}")
    lines += [f"module load {module}" for module in config.modules]
    return [*lines, *config.setup, "set -u"]


def _python(config: SlurmConfig) -> str:
    python = shlex.quote(config.python or sys.executable)
    return f"{config.prefix} {python}" if config.prefix else python


def _escaped(path: Path) -> str:
    """A path as sbatch reads it: % begins a replacement, and quotes end the value."""
    return str(path.absolute()).replace("%", "%%").replace('"', '\\"')
