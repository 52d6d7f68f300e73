"""``python -m experiments.predict``: apply a trained model to new files."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from datamodules.errors import ConfigError
from experiments.command_line import guarded

SOME_FAILED = 3


def main(argv: list[str] | None = None) -> int:
    """Carry out a command line; 3 when some files could not be read."""
    return guarded(lambda: _predict(_parser().parse_args(argv)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.predict",
        description="Apply a trained model to new files: probabilities and the decision at the"
        " operating point that was frozen on validation.",
        epilog="exit code 0: every file predicted; 3: some could not be read, see failures.csv",
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder, or a checkpoint file")
    parser.add_argument(
        "places", type=Path, nargs="+", metavar="FILE_OR_FOLDER", help="PNG, JPEG, TIFF or DICOM"
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for predictions.csv")
    parser.add_argument(
        "--grad-cam", action="store_true", help="draw over each image where the network looks"
    )
    parser.add_argument("--batch-size", type=int, default=16, help="images at a time")
    return parser


def _predict(arguments: argparse.Namespace) -> int:
    if arguments.batch_size < 1:
        raise ConfigError(f"--batch-size must be at least 1, not {arguments.batch_size}")
    table = arguments.output / "predictions.csv"
    if table.exists():
        raise ConfigError(f"{table} is there already; choose another --output")
    from datamodules.xray_files import find_files

    files = find_files(arguments.places)
    from experiments.predictor import Predictor

    predictor = Predictor.load(arguments.run)
    overlays = arguments.output / "overlays" if arguments.grad_cam else None
    done, failed = predictor.predict_files(files, arguments.batch_size, overlays)
    _write(arguments.output, done, failed)
    print(f"{len(done)} of {len(files)} files predicted: {table}")
    if failed:
        print(f"{len(failed)} could not be: {arguments.output / 'failures.csv'}", file=sys.stderr)
    return SOME_FAILED if failed else 0


def _write(
    output: Path, done: Sequence[dict[str, object]], failed: Sequence[dict[str, object]]
) -> None:
    from callbacks.predictions import write_predictions

    try:
        if failed:
            write_predictions(output / "failures.csv", failed)
        write_predictions(output / "predictions.csv", done, id_column="file")
    except OSError as error:
        raise ConfigError(f"cannot write to {output}: {error.strerror}") from error


if __name__ == "__main__":
    sys.exit(main())
