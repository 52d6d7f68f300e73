"""``python -m experiments.check``: list all that is wrong with the dataset of an experiment."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from datamodules.errors import ConfigError
from experiments.command_line import parse_experiment, split_words
from experiments.exit_codes import guarded
from experiments.experiment import Experiment


def main(argv: list[str] | None = None) -> int:
    """Carry out a command line; 0: nothing is wrong; 4: warnings only; 5: errors."""
    return guarded(lambda: _check(sys.argv[1:] if argv is None else argv))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.check",
        usage="%(prog)s NAME|--config FILE [--data.* ...] [options]",
        description="Read what a run would read, every image to its end, and list everything that"
        " is wrong at once: missing, unreadable and identical images, ids, labels, boxes, patients"
        " on two sides, class imbalance. NAME, --config and settings such as --data.reader.root DIR"
        " are those of experiments.run, whose --help lists them.",
        epilog="exit code 0: nothing is wrong; 4: warnings only, a run goes on; 5: errors, a run"
        " refuses the dataset",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="do not open the images: seconds instead of minutes, but unreadable and identical"
        " images are not found (a run does this much by itself, before it begins)",
    )
    parser.add_argument("--all", action="store_true", help="list every problem, not 20 of a kind")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all of it for a program")
    return parser


def _check(argv: Sequence[str]) -> int:
    arguments, words = _parser().parse_known_args(argv)
    experiment = _experiment(words)
    from experiments.examination_text import SHOWN, as_facts, as_text, exit_code
    from experiments.run_log import logged_to
    from experiments.tasks import kind_of

    with logged_to(None):
        found = kind_of(experiment).examine(experiment, pixels=not arguments.quick)
    if arguments.json is not None:
        _write(arguments.json, as_facts(found, experiment.name))
    print(as_text(found, experiment.name, None if arguments.all else SHOWN))
    return exit_code(found)


def _experiment(words: Sequence[str]) -> Experiment:
    if "--resume" in split_words(words)[1]:
        raise ConfigError("to check the data of a run: --config RUN_FOLDER/experiment.yaml")
    return parse_experiment(words, "checked")


def _write(path: Path, facts: dict[str, object]) -> None:
    from datamodules.whole_files import write_whole

    try:
        write_whole(path, json.dumps(facts, indent=1) + "\n")
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error


if __name__ == "__main__":
    sys.exit(main())
