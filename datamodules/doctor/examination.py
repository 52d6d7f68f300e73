"""The doctor: all that is wrong with a dataset in one go, and not its first kind of fault only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import zip_longest

from datamodules.candidates import image_of
from datamodules.cases import CaseTable, Source
from datamodules.configs.data import DataSettings
from datamodules.doctor.balance import LabelCount
from datamodules.doctor.division import examine_division
from datamodules.errors import DataError
from datamodules.problems import ADVICE, TITLES, Kind, Problem, Severity
from datamodules.readers.image_files import hint_of_missing
from datamodules.readers.reader import Reading


@dataclass
class Examination:
    """What was found out about a dataset.

    Attributes:
        table: The cases, as far as they are known; None: nothing could be read.
        problems: All that is wrong.
        splits: Side of each case that has one.
        images: Content of every image that could be read; None: images were not opened. Of a volume
            in several files it stands under the first.
        counts: How often each label holds on each side; none where that is not known.
    """

    table: CaseTable | None
    problems: list[Problem]
    splits: Mapping[str, str] = field(default_factory=dict)
    images: Mapping[Source, bytes] | None = None
    counts: list[LabelCount] = field(default_factory=list)

    def by_kind(self, severity: Severity) -> dict[Kind, list[Problem]]:
        """The problems of one severity; kinds without any are absent."""
        chosen = [problem for problem in self.problems if problem.severity == severity]
        found = {kind: [each for each in chosen if each.kind is kind] for kind in TITLES}
        return {kind: problems for kind, problems in found.items() if problems}

    def refuse_errors(self) -> None:
        """Refuse what a run cannot be done on.

        As long as no image was opened the division is not final, since identical images stay on
        one side: whether each side has what it needs is then left open.

        Raises:
            DataError: Lists the errors, the first of each kind before the others.
        """
        errors = self.by_kind("error")
        if self.images is None:
            errors.pop(Kind.IMBALANCE, None)
        if not errors:
            return
        count = sum(map(len, errors.values()))
        advice = {kind: f" ({ADVICE[kind]})" if kind in ADVICE else "" for kind in errors}
        by_turns = [each for turn in zip_longest(*errors.values()) for each in turn if each]
        if count == 1:
            raise DataError(f"{by_turns[0]}{''.join(advice.values())}{self.hint}")
        lines = [f"{TITLES[kind]}: {len(errors[kind])}{advice[kind]}" for kind in errors]
        heading = "\n  ".join((f"the dataset has {count} faults", *lines))
        raise DataError(heading + self.hint, by_turns)

    @property
    def hint(self) -> str:
        """What to look at when most images are missing; else empty."""
        missing = len(self.by_kind("error").get(Kind.MISSING, ()))
        return hint_of_missing(missing, len(self.table.cases) if self.table else missing)


def examine_cases(config: DataSettings, reading: Reading) -> Examination:
    """Look at what can be seen of any dataset without its images.

    Args:
        config: Says how it is divided.
        reading: What was read of it.

    Raises:
        ConfigError: If the settings do not fit together.
    """
    found = begin(reading)
    if found.table is not None:
        examine_sides(found, found.table, config)
    return found


def begin(reading: Reading) -> Examination:
    """Start with what the reader found and noticed."""
    found = Examination(reading.table, list(reading.problems))
    if reading.table is not None:
        notes = [*reading.table.notices, *filter(None, [found.hint.removeprefix(". ")])]
        if not reading.table.has_patients:
            notes.append(
                "Whose images are whose is not known: each counts as a patient of its own."
            )
        found.problems += [Problem(Kind.NOTE, "", note, "notice") for note in notes]
        found.problems += reading.table.warnings
    return found


def examine_sides(found: Examination, table: CaseTable, config: DataSettings) -> None:
    """Add the division and what is wrong with it; identical images count where they are known."""
    hashes = {} if found.images is None else _hashes(table, found.images)
    found.splits, problems = examine_division(table, config.split, hashes, found.problems)
    found.problems += problems


def _hashes(table: CaseTable, images: Mapping[Source, bytes]) -> dict[str, tuple[bytes, ...]]:
    shown = {case.case_id: map(image_of, case.inputs.values()) for case in table.cases}
    return {
        name: tuple(images[image] for image in own if image in images)
        for name, own in shown.items()
    }
