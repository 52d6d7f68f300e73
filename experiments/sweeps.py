"""Making the runs of a sweep: one for every combination of values."""

from collections.abc import Mapping, Sequence
from itertools import product

from experiments.experiment import Experiment
from experiments.overrides import with_kinds, with_values
from experiments.run_folder import RunFolder
from experiments.run_log import logged_to
from experiments.setting_tree import by_option
from experiments.sweep_folder import SweepFolder
from experiments.tasks import check_task, checked_data

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


def _in_group(experiment: Experiment, sweep: str) -> Experiment:
    """In Weights & Biases the runs of a sweep stand together."""
    logging = experiment.logging
    return experiment.replace(logging=logging.replace(group=logging.group or sweep))


def _with_different_data(experiments: Sequence[Experiment]) -> list[Experiment]:
    """One experiment for each dataset, as looking at one takes a while."""
    return list({repr((each.data, each.task.network)): each for each in experiments}.values())
