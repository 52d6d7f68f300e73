"""What may change when a run goes on, and what its results depend on."""

import json
from collections.abc import Iterable
from fnmatch import fnmatchcase

from datamodules.errors import ConfigError
from datamodules.schema import is_local_path
from experiments.experiment import Experiment
from experiments.setting_tree import SettingPath, by_option, settings_of

RESUMABLE = (
    "data.reader.root",
    "data.workers",
    "logging.*",
    "score_test",
    "slurm.*",
    "trainer.checkpoint_every_*",
    "trainer.collective_timeout_minutes",
    "trainer.log_every_steps",
    "trainer.max_epochs",
)
"""Settings that may change when a run goes on; the last one only under a constant schedule."""


def fixed_settings(experiment: Experiment) -> dict[str, str]:
    """The settings that may not change, as text by name; places on this machine are left out."""
    return {
        ".".join(setting.path): json.dumps(setting.value, default=str)
        for setting in settings_of(experiment)
        if not may_change(setting.path) and not is_local_path(setting.field)
    }


def refuse_what_is_fixed(experiment: Experiment, options: Iterable[str]) -> None:
    """Refuse to change what the results of a run so far depend on.

    Raises:
        ConfigError: If an option may not be given together with --resume.
    """
    known = by_option(experiment)
    fixed = [each for each in options if each in known and not may_change(known[each].path)]
    if fixed:
        raise ConfigError(
            f"{', '.join(fixed)} cannot change when a run goes on. What can: "
            f"{', '.join('--' + each.replace('_', '-') for each in RESUMABLE)}.\n"
            "Otherwise start a new run:"
            " python -m experiments.run --config RUN_FOLDER/experiment.yaml [options]"
        )
    schedules = {each.value for each in known.values() if each.path[-2:] == ("schedule", "kind")}
    if "--trainer.max-epochs" in options and schedules - {"constant"}:
        raise ConfigError(
            "--trainer.max-epochs cannot change when a run goes on, unless its learning rate is "
            f"constant: the schedule of this run ({', '.join(map(str, schedules))}) depends on it"
        )


def may_change(path: SettingPath) -> bool:
    """Whether a setting may be another one when a run goes on."""
    return any(fnmatchcase(".".join(path), pattern) for pattern in RESUMABLE)
