"""``python -m experiments.cross_validate``: a run for each fold, and all of them pooled."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from datamodules.errors import ConfigError
from experiments.command_line import Show, Start, Submit, parse_run, split_words
from experiments.cross_validation_folder import CrossValidationFolder
from experiments.exit_codes import guarded
from experiments.repeated_cross_validation import RepeatedCrossValidation
from experiments.run_group import INTERRUPTED, carry_out, exit_code

Folder = CrossValidationFolder | RepeatedCrossValidation


def main(argv: list[str] | None = None) -> int:
    """Carry out a command line; 3 when some folds have failed."""
    return guarded(lambda: _cross_validate(sys.argv[1:] if argv is None else argv))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.cross_validate",
        usage="%(prog)s NAME|--config FILE [--folds N] [--repeats N] [settings] | --resume CV |"
        " --summary CV",
        description="Divide the patients of a dataset into folds, stratified, and start a run for"
        " each: it holds its fold out, chooses everything on a part of the others"
        " (--data.split.val-fraction), and scores its fold once. Runs are carried out one after"
        " another, or as one array of Slurm jobs if any --slurm.* is set. Then all that was held"
        " out is pooled into one set of figures. An official test split stays closed. NAME,"
        " --config and settings are those of experiments.run.",
        epilog="exit code 0: every fold is finished, or submitted; 3: some failed",
        allow_abbrev=False,
    )
    parser.add_argument("--folds", type=int, metavar="N", help="how many (default: 5)")
    parser.add_argument(
        "--repeats",
        type=int,
        metavar="N",
        help="do it so many times, with other divisions and other initial weights (default: 1)",
    )
    parser.add_argument(
        "--resume", type=Path, metavar="CV", help="go on with the folds that are not finished"
    )
    parser.add_argument("--summary", type=Path, metavar="CV", help="only sum up what there is")
    return parser


def _cross_validate(argv: Sequence[str]) -> int:
    arguments, words = _parser().parse_known_args(argv)
    for option in ("summary", "resume"):
        place: Path | None = getattr(arguments, option)
        if place is None:
            continue
        given = words or arguments.folds or arguments.repeats
        if given or (arguments.summary and arguments.resume):
            raise ConfigError(f"--{option} CV stands alone")
        folder = _opened(place)
        return _summary(folder) if option == "summary" else _go_on(folder)
    folds = 5 if arguments.folds is None else arguments.folds
    return _start(words, folds, 1 if arguments.repeats is None else arguments.repeats)


def _opened(place: Path) -> Folder:
    if RepeatedCrossValidation.is_at(place):
        return RepeatedCrossValidation.open(place)
    folder = CrossValidationFolder.open(place)
    if folder.own_module is not None:
        raise ConfigError(
            f"{place} trains {folder.own_module}, a module of your own: go on with it in Python, by"
            " go_on() of experiments.cross_validation"
        )
    return folder


def _start(words: Sequence[str], folds: int, repeats: int) -> int:
    _, options = split_words(words)
    if given := {"--data.split.folds", "--data.split.fold"} & set(options):
        raise ConfigError(f"{min(given)} is set for each run by --folds {folds}")
    request = parse_run(words)
    if isinstance(request, Show) or (isinstance(request, Submit) and request.run is not None):
        raise ConfigError(
            "a cross-validation needs the NAME of an experiment, or --config FILE, and no --help"
        )
    from experiments.cross_validation import create

    folder = create(request.experiment, folds, repeats=repeats)
    if isinstance(request, Start):
        return _run_here(folder)
    from experiments.run_array import submit

    submit(folder, dry_run=isinstance(request, Submit) and request.dry_run)
    return 0


def _go_on(folder: Folder) -> int:
    """Where it was submitted to Slurm, there; else here."""
    if not folder.array_script.exists():
        return _run_here(folder)
    from experiments.run_array import queue

    queue(folder)
    return 0


def _run_here(folder: Folder) -> int:
    return _summary(folder) if carry_out(folder) else INTERRUPTED


def _summary(folder: Folder) -> int:
    from experiments.cross_validation_summary import summarise
    from experiments.repeated_summary import summarise_repeats

    if isinstance(folder, RepeatedCrossValidation):
        print(summarise_repeats(folder))
    else:
        print(summarise(folder))
    return exit_code(folder)


if __name__ == "__main__":
    sys.exit(main())
