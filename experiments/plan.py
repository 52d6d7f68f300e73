"""``python -m experiments.plan``: plan a segmentation from its training cases, as YAML to edit."""

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from datamodules.errors import ConfigError
from experiments.command_line import parse_experiment, split_words
from experiments.exit_codes import guarded
from experiments.experiment import Experiment

if TYPE_CHECKING:
    from datamodules.mask_statistics import MaskStatistics


def main(argv: list[str] | None = None) -> int:
    """Carry out a command line; returns the exit code."""
    return guarded(lambda: _plan(sys.argv[1:] if argv is None else argv))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.plan",
        usage="%(prog)s NAME|--config FILE [settings] [options]",
        description="Measure the training cases of a segmentation, and plan spacing, normalisation,"
        " patch, batch and depth of its U-Net by nnU-Net's rules. The result is an experiment as"
        " YAML, with the reason beside each planned value: edit it, and run it with"
        " python -m experiments.run --config FILE. NAME, --config and settings are those of"
        " experiments.run; what is not planned stays as they say. Images are read twice, once to"
        " divide them as a run does, where identical ones stay together, and the training cases"
        " again to be measured.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--memory-gb",
        type=float,
        default=8.0,
        metavar="N",
        help="memory of the GPU; 8 gives nnU-Net's own plans, the default",
    )
    parser.add_argument(
        "--dimensions",
        type=int,
        choices=(2, 3),
        help="2: a network that goes through volumes slice by slice; by default as the experiment's"
        " patch, and the images, have",
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE.yaml", help="a new file; by default it is printed"
    )
    return parser


def _plan(argv: Sequence[str]) -> int:
    arguments, words = _parser().parse_known_args(argv)
    memory_gb, output = arguments.memory_gb, arguments.output
    if not (math.isfinite(memory_gb) and memory_gb > 0):
        raise ConfigError(f"--memory-gb takes a number of gigabytes above 0, not {memory_gb:g}")
    if output is not None:
        _check_place(output)
    experiment = _experiment(words)
    from experiments.planned_experiment import plan_experiment
    from experiments.run_log import logged_to
    from experiments.yaml_comments import commented_yaml

    with logged_to(None):
        found = _measure(experiment)
    planned = plan_experiment(experiment, found, memory_gb, arguments.dimensions)
    text = commented_yaml(planned.experiment, planned.reasons, planned.notes)
    if output is None:
        print(text, end="")
        return 0
    _write(output, text)
    if Experiment.from_yaml(output) != planned.experiment:
        raise AssertionError("the plan reads back as another experiment")
    print(f"{output}: run it with python -m experiments.run --config {output}")
    return 0


def _experiment(words: Sequence[str]) -> Experiment:
    if "--resume" in split_words(words)[1]:
        raise ConfigError("to plan anew what a run did: --config RUN_FOLDER/experiment.yaml")
    experiment = parse_experiment(words, "planned")
    if experiment.task.kind != "segmenter":
        raise ConfigError(
            f"planning is for segmentation, and the task of {experiment.name} is"
            f" {experiment.task.kind}"
        )
    return experiment


def _measure(experiment: Experiment) -> "MaskStatistics":
    from datamodules.mask_survey import MaskSurvey
    from experiments.task_kinds.segmentation import settings_of
    from experiments.tasks import check_task

    check_task(experiment)
    survey = MaskSurvey(settings_of(experiment)[1], experiment.seed)
    survey.check()
    survey.prepare()
    return survey.measure()


def _check_place(output: Path) -> None:
    """Before the images are read."""
    if output.exists():
        raise ConfigError(f"{output} is there already; --output takes a new file")
    if not output.parent.is_dir():
        raise ConfigError(f"--output: there is no folder {output.parent}")


def _write(path: Path, text: str) -> None:
    from datamodules.whole_files import write_whole

    try:
        write_whole(path, text)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error


if __name__ == "__main__":
    sys.exit(main())
