"""``python -m experiments.sweep``: runs that differ in a few settings, and what they found."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from datamodules.errors import ConfigError
from experiments.command_line import Show, Submit, parse_run, split_words
from experiments.exit_codes import guarded
from experiments.run_group import INTERRUPTED, carry_out, exit_code
from experiments.sweep_folder import SweepFolder

VARY = "--vary."


def main(argv: list[str] | None = None) -> int:
    """Carry out a command line; 3 when some runs have failed."""
    return guarded(lambda: _sweep(sys.argv[1:] if argv is None else argv))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.sweep",
        usage="%(prog)s NAME|--config FILE [settings] --vary.SETTING VALUE VALUE ... | --resume S",
        description="Start a run for each combination of values, such as --vary.seed 0 1 2"
        " --vary.task.optimizer.lr 1e-4 3e-4, one after another, or as one array of Slurm jobs if"
        " any --slurm.* is set; then sum them up. NAME, --config and settings are those of"
        " experiments.run. Where more varies than the seed, the test split stays closed: values are"
        " compared on validation, and the run that is chosen is then tested by"
        " experiments.run --resume RUN --score-test True.",
        epilog="exit code 0: every run is finished, or submitted; 3: some failed",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--resume", type=Path, metavar="SWEEP", help="go on with the runs that are not finished"
    )
    parser.add_argument("--summary", type=Path, metavar="SWEEP", help="only sum up what there is")
    return parser


def _sweep(argv: Sequence[str]) -> int:
    arguments, words = _parser().parse_known_args(argv)
    if arguments.summary is not None:
        return _summary(SweepFolder.open(arguments.summary))
    if arguments.resume is not None:
        if words:
            raise ConfigError(f"--resume SWEEP stands alone, without {' '.join(words)}")
        return _go_on(SweepFolder.open(arguments.resume))
    return _start(words)


def _start(words: Sequence[str]) -> int:
    names, options = split_words(words)
    varied = {each.removeprefix(VARY): options.pop(each) for each in [*options] if VARY in each}
    if not varied:
        raise ConfigError("nothing varies: say for example --vary.seed 0 1 2")
    common = [*names, *(word for option, values in options.items() for word in (option, *values))]
    request = parse_run(common)
    if isinstance(request, Show):
        raise ConfigError(
            "a sweep needs the NAME of an experiment, or --config FILE, and no --help"
        )
    from experiments.run_array import submit
    from experiments.sweeps import create

    sweep = create(request.experiment, varied)
    if isinstance(request, Submit):
        submit(sweep, dry_run=request.dry_run)
        return 0
    return _run_here(sweep)


def _go_on(sweep: SweepFolder) -> int:
    """Where it was submitted to Slurm, there; else here."""
    if not sweep.array_script.exists():
        return _run_here(sweep)
    from experiments.run_array import queue

    queue(sweep)
    return 0


def _run_here(sweep: SweepFolder) -> int:
    return _summary(sweep) if carry_out(sweep) else INTERRUPTED


def _summary(sweep: SweepFolder) -> int:
    from experiments.sweep_summary import summarise

    print(summarise(sweep))
    return exit_code(sweep)


if __name__ == "__main__":
    sys.exit(main())
