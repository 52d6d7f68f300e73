"""Every image opened and read to its end."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from datamodules.candidates import image_of
from datamodules.cases import Case, CaseTable, Source, resolve
from datamodules.errors import DataError
from datamodules.parallel import map_in_order, shown
from datamodules.problems import Kind, Problem
from datamodules.transforms.npz_rows import forget_arrays
from datamodules.transforms.xray_pixels import check_finite, content_hash
from datamodules.transforms.xray_reading import read_xray


@dataclass(frozen=True, slots=True)
class Film:
    """What one image turned out to be.

    Attributes:
        content_hash: Of the decoded pixels.
        height, width: In pixels.
        declared: Grey values of black and white, as the file declares them.
        used: Smallest and largest grey value that there is.
    """

    content_hash: bytes
    height: int
    width: int
    declared: tuple[float, float]
    used: tuple[float, float]


Films = Mapping[Source, Film]
Owners = Mapping[Source, Sequence[Case]]


def owners_of(table: CaseTable) -> Owners:
    """The cases that show each image."""
    owners: dict[Source, list[Case]] = defaultdict(list)
    for case in table.cases:
        for image in dict.fromkeys(map(image_of, case.inputs.values())):
            owners[image].append(case)
    return owners


def read_films(table: CaseTable, owners: Owners) -> tuple[Films, list[Problem]]:
    """Read every image once, in several threads.

    Args:
        table: Says where they lie.
        owners: The images.

    Returns:
        Those that can be read, and a problem for each of the others.
    """
    images = list(owners)
    results = map_in_order(lambda image: _read(table, image), images)
    films: dict[Source, Film] = {}
    faults: dict[tuple[str, str], list[Case]] = defaultdict(list)
    for image, result in zip(
        images, shown(results, f"Reading {table.name}", len(images)), strict=True
    ):
        if isinstance(result, Film):
            films[image] = result
        else:
            faults[image.path, result] += owners[image]
    forget_arrays()
    return films, [_unreadable(*fault, cases) for fault, cases in faults.items()]


def _read(table: CaseTable, image: Source) -> Film | str:
    try:
        film = read_xray(resolve(table.root, image.path), image.selector)
        check_finite(film.pixels)
    except DataError as error:
        return error.message
    height, width = film.pixels.shape
    return Film(
        content_hash(film.pixels),
        height,
        width,
        declared=(float(film.low), float(film.high)),
        used=(float(film.pixels.min()), float(film.pixels.max())),
    )


def _unreadable(path: str, reason: str, cases: Sequence[Case]) -> Problem:
    """One problem a file: thousands of cases may share an npz file."""
    if len(cases) > 1:
        return Problem(Kind.UNREADABLE, f"file {path} ({len(cases)} cases)", reason)
    where = f"case '{cases[0].case_id}' (file {path})"
    return Problem(Kind.UNREADABLE, where, reason, case_id=cases[0].case_id)
