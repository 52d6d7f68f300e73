"""``python -m experiments.plan``: plan an experiment from its training cases, as YAML to edit."""

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
    from experiments.planned_experiment import PlannedExperiment


def main(argv: list[str] | None = None) -> int:
    """Carry out a command line; returns the exit code."""
    return guarded(lambda: _plan(sys.argv[1:] if argv is None else argv))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.plan",
        usage="%(prog)s NAME|--config FILE [settings] [options]",
        description="Measure the training cases of a segmentation, a detection or a volume"
        " classification, and plan spacing, normalisation and batch by nnU-Net's rules; of a"
        " segmentation also patch and depth of its U-Net, of a classification whether volumes are"
        " seen whole, and in which size, of a detection whether images are seen whole or in"
        " windows, the maps and the anchors, with the share of boxes that these can find at best."
        " The result is an experiment as YAML, with the reason beside each planned"
        " value: edit it, and run it with python -m experiments.run --config FILE. NAME, --config"
        " and settings are those of experiments.run; what is not planned stays as they say. Images"
        " are read twice, once to divide them as a run does, where identical ones stay together,"
        " and the training cases again to be measured.",
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
        help="of a segmentation; 2: a network that goes through volumes slice by slice; by default"
        " as the experiment's patch, and the images, have",
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
    experiment = _experiment(words, arguments.dimensions)
    from experiments.run_log import logged_to
    from experiments.yaml_comments import commented_yaml

    with logged_to(None):
        planned = _planned(experiment, memory_gb, arguments.dimensions)
    text = commented_yaml(planned.experiment, planned.reasons, planned.notes)
    if output is None:
        print(text, end="")
        return 0
    _write(output, text)
    if Experiment.from_yaml(output) != planned.experiment:
        raise AssertionError("the plan reads back as another experiment")
    print(f"{output}: run it with python -m experiments.run --config {output}")
    return 0


def _experiment(words: Sequence[str], dimensions: int | None) -> Experiment:
    if "--resume" in split_words(words)[1]:
        raise ConfigError("to plan anew what a run did: --config RUN_FOLDER/experiment.yaml")
    experiment = parse_experiment(words, "planned")
    kind = experiment.task.kind
    if kind not in ("segmenter", "detector", "volume-classifier"):
        raise ConfigError(
            "planning is for segmentation, detection and volume classification, and the task of"
            f" {experiment.name} is {kind}"
        )
    if kind != "segmenter" and dimensions is not None:
        slices = "; a volume classifier that looks at slices is --task.network.kind slices"
        raise ConfigError(
            "--dimensions is for segmentation" + slices * (kind == "volume-classifier")
        )
    return experiment


def _planned(
    experiment: Experiment, memory_gb: float, dimensions: int | None
) -> "PlannedExperiment":
    from experiments.tasks import check_task

    check_task(experiment)
    if experiment.task.kind == "segmenter":
        return _planned_segmentation(experiment, memory_gb, dimensions)
    if experiment.task.kind == "detector":
        return _planned_detection(experiment, memory_gb)
    return _planned_classification(experiment, memory_gb)


def _planned_segmentation(
    experiment: Experiment, memory_gb: float, dimensions: int | None
) -> "PlannedExperiment":
    from datamodules.mask_survey import MaskSurvey
    from experiments.planned_experiment import plan_experiment
    from experiments.task_kinds.segmentation import settings_of

    survey = MaskSurvey(settings_of(experiment)[1], experiment.seed)
    survey.check()
    survey.prepare()
    return plan_experiment(experiment, survey.measure(), memory_gb, dimensions)


def _planned_detection(experiment: Experiment, memory_gb: float) -> "PlannedExperiment":
    from datamodules.box_survey import BoxSurvey
    from experiments.planned_boxes import plan_boxes
    from experiments.planned_detector import network_to_plan
    from experiments.task_kinds.detection import settings_of
    from experiments.tasks import check_task

    network_to_plan(experiment)
    survey = BoxSurvey(settings_of(experiment)[1], experiment.seed)
    survey.check()
    survey.prepare()
    planned = plan_boxes(experiment, survey.measure(), memory_gb)
    check_task(planned.experiment)
    return planned


def _planned_classification(experiment: Experiment, memory_gb: float) -> "PlannedExperiment":
    from datamodules.volume_survey import VolumeSurvey
    from experiments.planned_volumes import plan_volumes
    from experiments.task_kinds.volume_classification import settings_of

    survey = VolumeSurvey(settings_of(experiment)[1], experiment.seed)
    survey.check()
    survey.prepare()
    found = survey.measure()
    return plan_volumes(experiment, found, survey.info, memory_gb)


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
