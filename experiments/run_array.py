"""A group of runs handed to Slurm: one array of jobs, and a job that sums them up."""

from contextlib import suppress

from datamodules.errors import ConfigError
from experiments.run_group import RunGroup
from experiments.slurm import gpus_to_ask_for, sbatch, write_script
from experiments.slurm_scripts import array_script, small_script
from experiments.status import BUSY, look_at

SETTLED = ("finished", "queued")


def submit(group: RunGroup, *, dry_run: bool) -> None:
    """One array for the runs, and a job that sums them up when all have ended.

    Args:
        group: Its runs are not in use.
        dry_run: Only write the scripts.

    Raises:
        LightboxError: If sbatch refuses.
    """
    runs = group.runs
    experiment = runs[0].experiment()
    text = array_script(experiment, group.path, len(runs), gpus_to_ask_for(experiment))
    write_script(group.array_script, text)
    summary = group.summary_script
    words = ["-m", f"experiments.{group.verb}", "--summary", str(group.path)]
    partition = experiment.slurm.prepare_partition or experiment.slurm.partition
    write_script(summary, small_script(experiment.slurm, words, group.path, "summary", partition))
    name = group.verb.replace("_", "-")
    print(f"{name}: {group.path}\njob scripts: {group.array_script}\n             {summary}")
    if dry_run:
        first = f"$(sbatch --parsable {group.array_script})"
        print(f"submit them with: sbatch --dependency=afterany:{first} {summary}")
        return
    queue(group)


def queue(group: RunGroup) -> None:
    """Hand the runs that neither are finished nor have a job to Slurm, and their summary.

    Args:
        group: Submitted before, or about to be: its scripts are written.

    Raises:
        LightboxError: If sbatch refuses; the runs stay as they were.
    """
    runs = group.runs
    states = [state.state for state in look_at(runs)]
    missing = [n for n, state in enumerate(states, start=1) if state not in (*BUSY, *SETTLED)]
    if not missing:
        print(f"every run of {group.path} is finished, or has a job")
        return
    at_once = runs[0].experiment().slurm.concurrency
    indices = ",".join(map(str, missing)) + (f"%{at_once}" if at_once else "")
    array = sbatch(group.array_script, [f"--array={indices}"])
    for number in missing:
        with suppress(ConfigError), runs[number - 1].locked():  # it may have begun already
            runs[number - 1].update_status(state="queued", slurm_job=f"{array}_{number}")
    last = sbatch(group.summary_script, [f"--dependency=afterany:{array}"])
    print(f"submitted as array {array} of {len(missing)} runs, and job {last}, which sums them up")
    print(f"watch them: python -m experiments.status {runs[0].path.parent}")
