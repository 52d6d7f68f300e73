"""Submission to a Slurm cluster: scripts are written to the run folder, and handed to sbatch."""

import logging
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from datamodules.errors import ConfigError, LightboxError
from datamodules.whole_files import write_whole
from experiments.experiment import Experiment
from experiments.run_folder import RunFolder
from experiments.slurm_commands import ask
from experiments.slurm_scripts import cpus_per_process, small_script, training_script

log = logging.getLogger("lightbox")

GONE = "GONE"
"""State of a job that Slurm has forgotten, as it does minutes after its end."""
SUBMIT, PREPARE = "submit.sh", "prepare.sh"


def with_processes(experiment: Experiment) -> Experiment:
    """As many processes as the job will have: ``trainer.devices`` and ``nodes`` follow Slurm's.

    Raises:
        ConfigError: If both are set, and differ.
    """
    slurm, trainer = experiment.slurm, experiment.trainer
    devices = slurm.gpus_per_node or trainer.devices
    for option, ours, theirs in (
        ("devices", trainer.devices, devices),
        ("nodes", trainer.nodes, slurm.nodes),
    ):
        if ours not in (1, theirs):
            other = "gpus-per-node" if option == "devices" else "nodes"
            raise ConfigError(
                f"--trainer.{option} {ours} does not fit --slurm.{other} {theirs}: leave one out"
            )
    return _with_processes_of_job(experiment)


def going_on(folder: RunFolder, experiment: Experiment) -> Experiment:
    """The experiment that a run is submitted again with: its processes are those it began with.

    Raises:
        ConfigError: If it has trained with another number of them; says which.
    """
    changed, trainer = _with_processes_of_job(experiment), experiment.trainer
    if folder.has_trained and changed != experiment:
        raise ConfigError(
            f"run {folder.name} goes on with as many processes as it began with:"
            f" --slurm.nodes {trainer.nodes}, and --slurm.gpus-per-node {trainer.devices} or 0"
        )
    return changed


def _with_processes_of_job(experiment: Experiment) -> Experiment:
    slurm, trainer = experiment.slurm, experiment.trainer
    devices = slurm.gpus_per_node or trainer.devices
    return experiment.replace(trainer=trainer.replace(devices=devices, nodes=slurm.nodes))


def submit(folder: RunFolder, *, dry_run: bool) -> None:
    """Write the run's job scripts, and submit them.

    Args:
        folder: A run that is not in use.
        dry_run: Only write.

    Raises:
        ConfigError: If the run is in use, or its job still exists.
        LightboxError: If sbatch refuses; says what it says.
    """
    experiment = folder.experiment()
    with folder.locked():
        _refuse_second_job(folder)
        write_script(
            folder.path / SUBMIT,
            training_script(experiment, folder.path, gpus_to_ask_for(experiment)),
        )
        print(f"run folder: {folder.path}\njob script: {folder.path / SUBMIT}")
        first = experiment.slurm.prepare_partition is not None
        if first:
            _write_preparation(folder, experiment)
        if dry_run:
            after = f"--dependency=afterok:$(sbatch --parsable {folder.path / PREPARE}) " * first
            print(f"submit it with: sbatch {after}{folder.path / SUBMIT}")
            return
        state = folder.status()["state"]
        folder.update_status(state="queued", error=None)
        try:
            job = sbatch(folder.path / SUBMIT, _prepare_first(folder) if first else ())
        except LightboxError as error:
            folder.update_status(state=state, error=str(error))
            raise LightboxError(
                f"{error}\nThe run is kept; submit it with other settings:"
                f" python -m experiments.run --resume {folder.path} --slurm.OPTION VALUE"
            ) from error
        folder.update_status(slurm_job=job)
    print(f"submitted as job {job}\nwatch it: python -m experiments.status {folder.path}")
    print(f"its console: {folder.path / 'slurm' / f'{job}.log'}; its log: {folder.log_file}")


def _write_preparation(folder: RunFolder, experiment: Experiment) -> None:
    script = folder.path / PREPARE
    words = ["-m", "experiments.prepare", "--resume", str(folder.path)]
    partition, cpus = experiment.slurm.prepare_partition, cpus_per_process(experiment)
    write_script(
        script,
        small_script(experiment.slurm, words, folder.path, "prepare", partition, cpus),
    )
    print(f"cache script: {script}")


def _prepare_first(folder: RunFolder) -> list[str]:
    job = sbatch(folder.path / PREPARE)
    print(f"the image cache is built by job {job}")
    return [f"--dependency=afterok:{job}", "--kill-on-invalid-dep=yes"]


def write_script(path: Path, text: str) -> None:
    """Write a script that can be run, and the folder of its logs, which Slurm does not make."""
    (path.parent / "slurm").mkdir(exist_ok=True)
    write_whole(path, text)
    path.chmod(0o700)


def sbatch(script: Path, options: Sequence[str] = ()) -> str:
    """Submit a script.

    Returns:
        Its job id.

    Raises:
        LightboxError: If there is no sbatch, or it refuses.
    """
    if shutil.which("sbatch") is None:
        raise LightboxError(
            f"there is no sbatch here; on a login node of the cluster: sbatch {script}"
        )
    done = ask(["sbatch", "--parsable", *options, str(script)])
    if done.returncode != 0:
        faults = [line.removeprefix("sbatch: error: ") for line in done.stderr.splitlines()]
        raise LightboxError(f"sbatch refuses {script.name}: {'; '.join(faults)}")
    return done.stdout.strip().partition(";")[0]


def gpus_to_ask_for(experiment: Experiment) -> int:
    """GPUs of each node: as set; else one a process, unless it needs none or there are none."""
    slurm = experiment.slurm
    if slurm.gpus_per_node is not None:
        return slurm.gpus_per_node
    if experiment.trainer.accelerator == "cpu" or not has_gpus(slurm.partition):
        return 0
    return experiment.trainer.devices


def has_gpus(partition: str | None) -> bool:
    """Whether a partition (None: any) has GPUs, as far as sinfo knows; without sinfo assumed."""
    if shutil.which("sinfo") is None:
        return True
    of = ["--partition", partition] if partition else []
    done = ask(["sinfo", "--noheader", "--format=%G", *of])
    return done.returncode != 0 or re.search(r"\bgpu\b", done.stdout) is not None


def jobs_in_queue(jobs: Sequence[str]) -> dict[str, str]:
    """State of each job, such as PENDING, or GONE; empty where squeue does not answer."""
    if not jobs or shutil.which("squeue") is None:
        return {}
    done = ask(["squeue", "--noheader", "--array", "--format=%i %A %T", "--states=all"])
    states: dict[str, str] = {}
    for line in done.stdout.splitlines():
        shown, number, state = line.split()
        states |= {shown: state, number: state}
    return {job: states.get(job, GONE) for job in jobs} if done.returncode == 0 else {}


def _refuse_second_job(folder: RunFolder) -> None:
    job = folder.status().get("slurm_job")
    state = jobs_in_queue([job]).get(job) if job else None
    if state in ("PENDING", "RUNNING", "CONFIGURING", "REQUEUED", "SUSPENDED"):
        raise ConfigError(
            f"run {folder.name} has a job already: {job} is {state}; end it with: scancel {job}"
        )
