"""``python -m experiments.explain``: draw where a trained classifier looks in new files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datamodules.errors import ConfigError
from experiments.exit_codes import guarded
from experiments.file_command import add_file_arguments, run_on_files
from experiments.suggestions import suggestion

if TYPE_CHECKING:
    from datamodules.data_info import LabelSet
    from experiments.evidence import Evidence
    from experiments.predicted_files import PredictedBatch, PredictedFile
    from experiments.predictor import Predictor

TABLE, ARRAYS = "explanations.csv", "arrays"


def main(argv: list[str] | None = None) -> int:
    """Carry out a command line; 3 when some files could not be read."""
    return guarded(lambda: _explain(_parser().parse_args(argv)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.explain",
        description="Draw over new files where a classifier looks: for each file the labels that"
        " are called present at the operating point, in the geometry of the file.",
        epilog="exit code 0: every file explained; 3: some could not be read, see failures.csv",
    )
    add_file_arguments(parser, TABLE)
    parser.add_argument(
        "--method",
        choices=("auto", "attention-map", "grad-cam", "occlusion"),
        default="auto",
        help="auto: the network's own attention (of slides) or attention map where it makes one,"
        " else Grad-CAM; occlusion"
        " hides one part after the other, which takes some 80 (films) or 700 (volumes) looks",
    )
    labels = parser.add_mutually_exclusive_group()
    labels.add_argument(
        "--label", nargs="+", metavar="NAME", help="these labels, whether called present or not"
    )
    labels.add_argument("--all-labels", action="store_true", help="every label of every file")
    parser.add_argument(
        "--arrays",
        action="store_true",
        help="also write each map in the geometry of its file: float32 .npy of a film, .nii.gz of a"
        " volume",
    )
    return parser


def _explain(arguments: argparse.Namespace) -> int:
    from experiments.trained import find_kind

    kind = find_kind(arguments.run)
    if kind is not None and kind.unexplained is not None:
        raise ConfigError(kind.unexplained)
    return run_on_files(arguments, TABLE, lambda predictor: _Explanations(arguments, predictor))


class _Explanations:
    """Overlays, arrays where they are asked for, and rows of explanations.csv."""

    def __init__(self, arguments: argparse.Namespace, predictor: Predictor[Any]) -> None:
        from lightning_modules.explanations import choose_method

        self.output: Path = arguments.output
        self.arrays: bool = arguments.arrays
        self.predictor = predictor
        self.labels = _named_labels(arguments, predictor.module.data.labels)
        self.method = choose_method(predictor.module.network, arguments.method)
        self.explained = self.without = 0

    def rows(self, predicted: PredictedBatch) -> Iterator[dict[str, Any]]:
        """A row for each file and label, file by file."""
        from datamodules.xray_files import OVERLAYS

        wanted = [self._wanted(film) for film in predicted.films]
        self.explained += len(wanted)
        self.without += sum(not labels for labels in wanted)
        rows: dict[str, list[dict[str, Any]]] = {film.name: [] for film in predicted.films}
        folder = self.output / OVERLAYS
        for evidence, picture in self.predictor.draw(predicted, wanted, self.method, folder):
            row = _row(evidence, picture.relative_to(self.output))
            if self.arrays:
                row["array"] = self._write_array(evidence)
            rows[evidence.film.name].append(row)
        yield from (row for found in rows.values() for row in found)

    def _wanted(self, film: PredictedFile) -> Sequence[str]:
        return self.predictor.called(film) if self.labels is None else self.labels

    def _write_array(self, evidence: Evidence) -> str:
        from experiments.overlays import output_path

        folder, film = self.output / ARRAYS, evidence.film
        path = output_path(folder, film.name, evidence.label, evidence.array_ending)
        evidence.write(path)
        return path.relative_to(self.output).as_posix()

    def finish(self) -> None:
        """There is nothing that takes all files."""

    def summary(self, files: int) -> str:
        """How many files were explained, and in how many of them there was nothing to draw."""
        said = f"{self.explained} of {files} files explained: {self.output / TABLE}"
        if self.without:
            said += (
                f"\nno label is called present in {self.without} of them;"
                " --all-labels draws every label"
            )
        return said


def _named_labels(arguments: argparse.Namespace, labels: LabelSet) -> Sequence[str] | None:
    """The labels that are asked for; None: those called present.

    Raises:
        ConfigError: If the model has no such label.
    """
    if arguments.all_labels:
        return labels.names
    for name in arguments.label or ():
        if name not in labels.names:
            raise ConfigError(
                f"--label: the model has no label '{name}'{suggestion(name, labels.names)};"
                f" it has {', '.join(labels.names)}"
            )
    named: list[str] | None = arguments.label
    return named


def _row(evidence: Evidence, picture: Path) -> dict[str, Any]:
    return {
        "file": evidence.film.name,
        "label": evidence.label,
        "probability": round(evidence.probability, 6),
        "method": evidence.method,
        **evidence.peak,
        "share_above_half": round(evidence.share_above_half, 6),
        **evidence.film.outside_column,
        "overlay": picture.as_posix(),
    }


if __name__ == "__main__":
    sys.exit(main())
