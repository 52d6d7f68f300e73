"""From the words of a command line to what they ask for, and from errors to exit codes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from datamodules.errors import ConfigError
from experiments.catalog.index import find, listing, recipe, summary
from experiments.configs.slurm import SlurmConfig
from experiments.experiment import Experiment
from experiments.overrides import Options, with_kinds, with_values
from experiments.resumable import may_change, refuse_what_is_fixed
from experiments.slurm_profiles import with_profile
from experiments.yaml_comments import commented_yaml

PROGRAM = "python -m experiments.run"
_FLAGS = ("--help", "--print-config", "--slurm.dry-run")


@dataclass(frozen=True)
class Show:
    """Print a text and end: the listing, a help page, or a configuration."""

    text: str


@dataclass(frozen=True)
class Start:
    """Start a run of an experiment."""

    experiment: Experiment


@dataclass(frozen=True)
class Resume:
    """Go on with the run in a folder: ``experiment`` is the run's own, with the overrides."""

    run: Path
    experiment: Experiment


@dataclass(frozen=True)
class Submit:
    """Hand a run to Slurm: a new one, or the one in a folder.

    Attributes:
        run: Its folder; None: make one.
        experiment: What it carries out.
        dry_run: Only write the scripts.
    """

    run: Path | None
    experiment: Experiment
    dry_run: bool


RunRequest = Show | Start | Resume | Submit


def parse_run(argv: Sequence[str]) -> RunRequest:
    """Understand the arguments of ``python -m experiments.run``; writes nothing.

    Raises:
        ConfigError: If anything is wrong with them; the message is for the user.
    """
    names, options = split_words(argv)
    flags = {flag for flag in _FLAGS if options.pop(flag, None) is not None}
    source = _source(names, options)
    if source is not None:
        return _request(source, flags, options)
    if options or "--print-config" in flags:
        raise ConfigError(
            f"which experiment? Its name comes first:\n  {PROGRAM} NAME {' '.join(argv)}\n"
            f"The names are listed by: {PROGRAM}"
        )
    return Show(listing())


def parse_experiment(argv: Sequence[str], verb: str) -> Experiment:
    """Understand a name, --config or --resume, and settings, as another command takes them.

    Args:
        argv: Its words.
        verb: What is done with the experiment, as in "what shall be VERB".

    Raises:
        ConfigError: If anything is wrong with them.
    """
    names, options = split_words(argv)
    if not names and not {"--config", "--resume"} & set(options):
        raise ConfigError(
            f"what shall be {verb}? Give the NAME of an experiment, or --config FILE\n"
            f"The names are listed by: {PROGRAM}"
        )
    request = parse_run(argv)
    if isinstance(request, Show):
        raise ConfigError(f"--print-config belongs to {PROGRAM}")
    return request.experiment


def split_words(argv: Sequence[str]) -> tuple[list[str], dict[str, list[str]]]:
    """Divide words into names, and options with their values; underscores become hyphens.

    Raises:
        ConfigError: If an option is given twice, or a flag has a value.
    """
    names: list[str] = []
    options: dict[str, list[str]] = {}
    values = names
    for word in argv:
        if not re.match(r"--|-[A-Za-z]", word):
            values.append(word)
            continue
        option, equals, value = word.partition("=")
        option = "--help" if option == "-h" else option.replace("_", "-")
        if option in options:
            raise ConfigError(f"{option} is given twice")
        if option in _FLAGS and equals:
            raise ConfigError(f"{option} takes no value")
        options[option] = [value] if equals else []
        values = names if option in _FLAGS else options[option]
    return names, options


@dataclass(frozen=True)
class _Source:
    """Where the experiment comes from: its name, or --config or --resume and a path."""

    words: tuple[str, ...]

    @property
    def command(self) -> str:
        return " ".join((PROGRAM, *self.words))

    @property
    def run(self) -> Path | None:
        return Path(self.words[1]) if self.words[0] == "--resume" else None

    def experiment(self) -> Experiment:
        if len(self.words) == 1:
            return find(self.words[0])
        return Experiment.from_yaml(_file_of(self.run) if self.run else Path(self.words[1]))

    def about(self) -> str:
        if len(self.words) == 1:
            return summary(recipe(self.words[0]))
        return self.experiment().description


def _source(names: list[str], options: dict[str, list[str]]) -> _Source | None:
    """Take the name, --config or --resume from the words; there may be one of them."""
    if len(names) > 1:
        raise ConfigError(
            f"one experiment at a time, not {len(names)}: {' '.join(names)} (options begin with --)"
        )
    given = [_Source((name,)) for name in names]
    for option, what in (("--config", "FILE"), ("--resume", "RUN_FOLDER")):
        values = options.pop(option, None)
        if values is not None and len(values) != 1:
            raise ConfigError(f"{option} takes one {what}, not {len(values)}")
        given += [_Source((option, value)) for value in values or ()]
    if len(given) > 1:
        both = " and ".join(source.words[0] for source in given)
        raise ConfigError(
            f"{both} exclude each other: give NAME, --config FILE or --resume RUN_FOLDER"
        )
    return given[0] if given else None


def _file_of(run: Path) -> Path:
    file = run / "experiment.yaml"
    if not file.is_file():
        fault = "it has no experiment.yaml" if run.is_dir() else "there is no such folder"
        raise ConfigError(f"{run} is not a run folder: {fault}")
    return file


def _request(source: _Source, flags: set[str], options: Options) -> RunRequest:
    experiment = source.experiment()
    if source.run:
        refuse_what_is_fixed(experiment, options)
    experiment = with_kinds(_with_profile(source, experiment, options), options)
    if "--help" in flags:
        return Show(_help(source, experiment))
    experiment = with_values(experiment, options)
    if "--print-config" in flags:
        return Show(commented_yaml(experiment).rstrip())
    if _is_for_slurm(source, experiment, flags, options):
        from experiments.slurm import with_processes

        experiment = experiment if source.run else with_processes(experiment)
        return Submit(source.run, experiment, "--slurm.dry-run" in flags)
    return Resume(source.run, experiment) if source.run else Start(experiment)


def _with_profile(source: _Source, experiment: Experiment, options: Options) -> Experiment:
    """Settings of the cluster profile that an option names, or that of a new run's experiment."""
    words = options.get("--slurm.profile")
    name = words[0] if words else None if source.run else experiment.slurm.profile
    if name is None or name == "none":
        return experiment
    return experiment.replace(slurm=with_profile(experiment.slurm, name))


def _is_for_slurm(
    source: _Source, experiment: Experiment, flags: set[str], options: Options
) -> bool:
    """A new run with any setting of Slurm is submitted; one that goes on, only if options say so.

    So a job may go on with its own run, whose settings are those it was submitted with.
    """
    if "--slurm.dry-run" in flags or any(option.startswith("--slurm.") for option in options):
        return True
    return source.run is None and experiment.slurm != SlurmConfig()


def _help(source: _Source, experiment: Experiment) -> str:
    from experiments.option_help import help_text  # tyro takes a quarter of the start-up time

    paragraphs = (
        source.about(),
        "Defaults are those of this experiment. Together with a --*.kind, --help shows the options "
        "of that kind. --print-config prints all of it as YAML, which --config reads.",
    )
    return help_text(experiment, source.command, paragraphs, may_change if source.run else bool)
