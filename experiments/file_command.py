"""What the verbs that work on files share: their arguments, the loop over files, the exit code."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from datamodules.errors import ConfigError

if TYPE_CHECKING:
    from experiments.predicted_files import PredictedBatch
    from experiments.predictor import Predictor

SOME_FAILED = 3
FAILURES = "failures.csv"
FILMS = "PNG, JPEG, TIFF or DICOM"


class FileOutput(Protocol):
    """What a verb makes of predicted files."""

    def rows(self, predicted: PredictedBatch) -> Iterable[dict[str, Any]]:
        """Rows of the verb's table; may add to ``predicted.failed`` what could not be made."""

    def finish(self) -> None:
        """Write what takes all files, before the table appears."""

    def summary(self, files: int) -> str:
        """What was made of so many files, for the console."""


def add_file_arguments(parser: ArgumentParser, table: str, formats: str = FILMS) -> None:
    """Add the arguments that all these verbs have.

    Args:
        parser: Receives them.
        table: Name of the verb's table.
        formats: Of the files that it takes.
    """
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder, or a checkpoint file")
    parser.add_argument("places", type=Path, nargs="+", metavar="FILE_OR_FOLDER", help=formats)
    parser.add_argument("--output", type=Path, required=True, help=f"folder for {table}")
    parser.add_argument(
        "--table",
        type=Path,
        metavar="FILE.csv",
        help="what is known of each file (age, sex, view ...), for a model that is given it:"
        " a column 'file', named as in predictions.csv, and one for each attribute",
    )
    parser.add_argument("--batch-size", type=int, default=16, help="images at a time")


def run_on_files(
    arguments: Namespace, table: str, begin: Callable[[Predictor[Any]], FileOutput]
) -> int:
    """Predict every file, and write the verb's table and failures.csv, each whole or not at all.

    Args:
        arguments: Of :func:`add_file_arguments`.
        table: Name of the verb's table.
        begin: Told the predictor before anything is written.

    Returns:
        The exit code of the process: 3 when some files failed.

    Raises:
        ConfigError: If something is wrong with the arguments, or the folder cannot be written.
    """
    folder: Path = arguments.output
    check_arguments(arguments, folder / table)
    from experiments.fingerprint import OUTSIDE
    from experiments.trained import best_checkpoint, load_predictor

    predictor = load_predictor(best_checkpoint(arguments.run))
    files = predictor.find(arguments.places, folder)
    cases = predictor.cases(files, arguments.table)
    output = begin(predictor)
    batches = predictor.predict_files(files, cases, arguments.batch_size)
    try:
        outside, failed = _write(output, batches, folder / table)
    except OSError as error:
        raise ConfigError(f"cannot write to {folder}: {error.strerror}") from error
    print(output.summary(len(files)))
    if outside:
        print(f"outside the training data: {outside}, see the column {OUTSIDE}")
    if failed:
        print(f"{failed} could not be: {folder / FAILURES}", file=sys.stderr)
    return SOME_FAILED if failed else 0


def check_arguments(arguments: Namespace, table: Path) -> None:
    """Look for faults that can be seen before anything is loaded.

    Raises:
        ConfigError: If the size of a batch is none, or the table is there already.
    """
    if arguments.batch_size < 1:
        raise ConfigError(f"--batch-size must be at least 1, not {arguments.batch_size}")
    if table.exists():
        raise ConfigError(f"{table} is there already; choose another --output")


def _write(output: FileOutput, batches: Iterable[PredictedBatch], table: Path) -> tuple[int, int]:
    """Write everything; how many files are outside the training data, and how many failed."""
    from callbacks.predictions import prediction_table, write_predictions

    failures, failed, outside = table.with_name(FAILURES), [], 0
    with prediction_table(table, id_column="file") as write:
        for predicted in batches:
            for row in output.rows(predicted):
                write(row)
            failed += predicted.failed
            outside += sum(bool(film.outside) for film in predicted.films)
        output.finish()
        if failed:
            write_predictions(failures, failed)
        else:
            failures.unlink(missing_ok=True)  # of an attempt that was broken off
    return outside, len(failed)
