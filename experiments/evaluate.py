"""``python -m experiments.evaluate``: score a trained model on an external dataset."""

import argparse
import sys
from pathlib import Path
from typing import Any

import yaml

from datamodules.errors import ConfigError
from experiments.exit_codes import guarded


def main(argv: list[str] | None = None) -> int:
    """Carry out a command line; returns the exit code."""
    return guarded(lambda: _evaluate(_parser().parse_args(argv)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.evaluate",
        description="Score the best weights of a run, at their frozen operating point, on every"
        " case of a dataset that the run never saw.",
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="a finished run folder")
    parser.add_argument(
        "--config",
        type=Path,
        required=True,
        metavar="DATA.yaml",
        help="what to score: an experiment file, its data section, or only a reader, such as"
        " reader: {kind: csv, root: DIR, table: labels.csv}, or for a segmenter"
        " reader: {kind: image-mask-folders, root: DIR, structures: [disc=1, core=2]}; all but"
        " reader, workers and what else"
        " goes with the dataset is the checkpoint's",
    )
    parser.add_argument(
        "--output", type=Path, help="a new folder; by default RUN/evaluations/<name of the file>"
    )
    return parser


def _evaluate(arguments: argparse.Namespace) -> int:
    from experiments.run_folder import RunFolder

    folder = RunFolder.open(arguments.run)
    data = read_data_settings(arguments.config)
    from experiments.external_evaluation import evaluate_external
    from experiments.run_log import logged_to

    output = arguments.output or folder.path / "evaluations" / arguments.config.stem
    if output.is_file():
        raise ConfigError(f"{output} is a file; --output is a folder")
    if (output / "metrics.json").exists():
        raise ConfigError(f"{output} holds an evaluation already; give another --output")
    with logged_to(None):
        evaluate_external(folder, data, output)
    return 0


def read_data_settings(path: Path) -> dict[str, Any]:
    """The data settings of a YAML file that may be a whole experiment.

    Raises:
        ConfigError: If the file cannot be read or names no reader.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{path} is not a YAML file: {error}") from error
    values = values.get("data", values) if isinstance(values, dict) else {}
    if not isinstance(values, dict) or "reader" not in values:
        raise ConfigError(f"{path} names no dataset: it needs 'reader:' with a kind and a root")
    return values


if __name__ == "__main__":
    sys.exit(main())
