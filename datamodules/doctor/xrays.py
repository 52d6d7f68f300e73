"""The doctor for X-rays: all that a run on them would read."""

from dataclasses import replace
from functools import partial

from datamodules.candidates import has_candidates
from datamodules.cases import CaseTable
from datamodules.configs.xrays import XraysConfig
from datamodules.data_info import LabelSet
from datamodules.doctor.examination import Examination
from datamodules.doctor.film_faults import film_faults
from datamodules.doctor.films import owners_of, read_films
from datamodules.doctor.labels import examine_labels
from datamodules.errors import DataError
from datamodules.exams import group_exams
from datamodules.problems import Kind, Problem, problems_of
from datamodules.readers.reader import Reading


def examine_xrays(
    config: XraysConfig,
    table: CaseTable | None = None,
    *,
    pixels: bool,
    labels: LabelSet | None = None,
) -> Examination:
    """Look at everything that a run on X-rays would read.

    Args:
        config: Says what is read, and what is made of it.
        table: The cases, where they have been read without a fault.
        pixels: Read every image to its end; off: only what needs no image.
        labels: What is predicted; None: what the settings say.

    Raises:
        ConfigError: If the settings do not fit together, or not to the dataset.
    """
    reading = _arranged(config) if table is None else Reading(table)
    look = partial(_look_at_films, config) if pixels else None
    return examine_labels(config, reading, labels, look)


def _look_at_films(config: XraysConfig, found: Examination) -> None:
    assert found.table is not None
    owners = owners_of(found.table)
    films, problems = read_films(found.table, owners)
    found.images = {image: film.content_hash for image, film in films.items()}
    found.problems += [*problems, *film_faults(films, owners, config.preprocessing)]
    unreadable = [image.path for image in owners if image not in films]
    if unreadable and (advice := config.reader.advise_on_unreadable(unreadable)):
        note = f"Images that cannot be read: fetch them again, {advice}"
        found.problems.append(Problem(Kind.NOTE, "", note, "notice"))


def _arranged(config: XraysConfig) -> Reading:
    """The cases as a run makes them; images of exams stay apart where anything is wrong."""
    reading = config.reader.examine()
    if reading.table is None or reading.problems:
        return reading
    try:
        has_candidates(reading.table)
        return Reading(group_exams(reading.table)) if config.unit == "exam" else reading
    except DataError as error:
        return replace(reading, problems=tuple(problems_of(error)))
