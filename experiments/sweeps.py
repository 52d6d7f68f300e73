"""Making the runs of a sweep, and handing them to Slurm as one array."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import product

from datamodules.errors import ConfigError
from experiments.experiment import Experiment
from experiments.overrides import with_kinds, with_values
from experiments.run_folder import RunFolder
from experiments.run_log import logged_to
from experiments.setting_tree import by_option
from experiments.slurm import gpus_to_ask_for, sbatch, write_script
from experiments.slurm_scripts import array_script, small_script
from experiments.status import BUSY, look_at
from experiments.sweep_folder import SweepFolder
from experiments.tasks import check_task, checked_data

SETTLED = ("finished", "queued")
RANDOM = {"seed"}
"""What may vary with the test split open: it chooses nothing."""


def create(common: Experiment, varied: Mapping[str, Sequence[str]]) -> SweepFolder:
    """Check every combination of values, then make a folder for each.

    Args:
        common: What the runs share.
        varied: Words for each setting that differs, by its option without dashes.

    Raises:
        ConfigError: If a value is wrong; no folder is left behind.
        DataError: If the dataset of one of them is not as it should be.
    """
    closed = {} if set(varied) <= RANDOM else {"score_test": False}
    experiments, values = [], []
    for words in product(*varied.values()):
        options = {f"--{name}": [word] for name, word in zip(varied, words, strict=True)}
        changed = with_values(with_kinds(common, options), options).replace(**closed)
        check_task(changed)
        experiments.append(changed)
        settings = by_option(changed)
        values.append({option.lstrip("-"): settings[option].value for option in options})
    for experiment in _with_different_data(experiments):
        with logged_to(None):
            checked_data(experiment)
    name = SweepFolder.new_name(common.name)
    runs = [RunFolder.create(_in_group(experiment, name)) for experiment in experiments]
    return SweepFolder.create(name, common.name, values, runs)


def submit(sweep: SweepFolder, *, dry_run: bool) -> None:
    """One array for the runs, and a job that sums them up when all have ended.

    Args:
        sweep: Its runs are not in use.
        dry_run: Only write the scripts.

    Raises:
        LightboxError: If sbatch refuses.
    """
    runs = sweep.runs
    experiment = runs[0].experiment()
    text = array_script(experiment, sweep.path, len(runs), gpus_to_ask_for(experiment))
    write_script(sweep.array_script, text)
    summary = sweep.summary_script
    words = ["-m", "experiments.sweep", "--summary", str(sweep.path)]
    partition = experiment.slurm.prepare_partition or experiment.slurm.partition
    write_script(summary, small_script(experiment.slurm, words, sweep.path, "summary", partition))
    print(f"sweep: {sweep.path}\njob scripts: {sweep.array_script}\n             {summary}")
    if dry_run:
        first = f"$(sbatch --parsable {sweep.array_script})"
        print(f"submit them with: sbatch --dependency=afterany:{first} {summary}")
        return
    queue(sweep)


def queue(sweep: SweepFolder) -> None:
    """Hand the runs that neither are finished nor have a job to Slurm, and their summary.

    Args:
        sweep: Submitted before, or about to be: its scripts are written.

    Raises:
        LightboxError: If sbatch refuses; the runs stay as they were.
    """
    runs = sweep.runs
    states = [state.state for state in look_at(runs)]
    missing = [n for n, state in enumerate(states, start=1) if state not in (*BUSY, *SETTLED)]
    if not missing:
        print(f"every run of {sweep.path} is finished, or has a job")
        return
    at_once = runs[0].experiment().slurm.concurrency
    indices = ",".join(map(str, missing)) + (f"%{at_once}" if at_once else "")
    array = sbatch(sweep.array_script, [f"--array={indices}"])
    for number in missing:
        with suppress(ConfigError), runs[number - 1].locked():  # it may have begun already
            runs[number - 1].update_status(state="queued", slurm_job=f"{array}_{number}")
    last = sbatch(sweep.summary_script, [f"--dependency=afterany:{array}"])
    print(f"submitted as array {array} of {len(missing)} runs, and job {last}, which sums them up")
    print(f"watch them: python -m experiments.status {runs[0].path.parent}")


def _in_group(experiment: Experiment, sweep: str) -> Experiment:
    """In Weights & Biases the runs of a sweep stand together."""
    logging = experiment.logging
    return experiment.replace(logging=logging.replace(group=logging.group or sweep))


def _with_different_data(experiments: Sequence[Experiment]) -> list[Experiment]:
    """One experiment for each dataset, as looking at one takes a while."""
    return list({repr((each.data, each.task.network)): each for each in experiments}.values())
