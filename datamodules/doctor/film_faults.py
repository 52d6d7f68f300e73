"""Images that can be read and would not serve: blank, without contrast, small, with stray boxes."""

from collections.abc import Iterator, Sequence

from datamodules.candidates import selected_box
from datamodules.cases import Case, Source
from datamodules.configs.xrays import XrayPreprocessing
from datamodules.doctor.films import Film, Films, Owners
from datamodules.doctor.stray_boxes import stray
from datamodules.problems import Kind, Problem

FULL_RANGE = (0.0, 100.0)
LEVELS = 256
"""Grey values of a stored image."""
FEWEST_LEVELS = 32
"""A film of more than 8 bits that keeps fewer of them has lost most of its contrast."""
ENLARGED = 2
"""Films whose longer side is enlarged by this factor or more are counted in a warning."""


def film_faults(
    films: Films, owners: Owners, preprocessing: XrayPreprocessing
) -> Iterator[Problem]:
    """What is wrong with the images that can be read.

    Args:
        films: What each image turned out to be.
        owners: The cases that show it.
        preprocessing: What would be done with it.
    """
    declared = preprocessing.clip_percentiles == FULL_RANGE
    for image, film in films.items():
        first = owners[image][0]
        if fault := _blank(film, declared) or _crushed(film, declared):
            yield Problem(fault[0], _where(first, image), fault[1], "warning", first.case_id)
        for case in owners[image]:
            yield from _stray_boxes(case, image, film)
    yield from _enlarged(films, preprocessing.size)


def _where(case: Case, image: Source) -> str:
    return f"case '{case.case_id}' (file {image})"


def _blank(film: Film, declared: bool) -> tuple[Kind, str] | None:
    darkest, brightest = film.used
    if darkest == brightest:
        return Kind.BLANK, f"every pixel has the grey value {darkest:g}"
    low, high = film.declared
    if declared and (brightest <= low or darkest >= high):
        shade = "black" if brightest <= low else "white"
        return (
            Kind.BLANK,
            f"every pixel is {shade}: the file declares grey values {low:g}..{high:g}",
        )
    return None


def _crushed(film: Film, declared: bool) -> tuple[Kind, str] | None:
    low, high = film.declared
    darkest, brightest = max(film.used[0], low), min(film.used[1], high)
    levels = LEVELS * (brightest - darkest) / max(high - low, 1)
    if not declared or high - low < LEVELS or levels >= FEWEST_LEVELS:
        return None
    grey = f"its grey values {darkest:g}..{brightest:g} of {low:g}..{high:g}"
    return Kind.GREY_RANGE, f"{grey} become {max(1, round(levels))} of {LEVELS}"


def _stray_boxes(case: Case, image: Source, film: Film) -> Iterator[Problem]:
    size = f"the image of {film.width} x {film.height} pixels"
    for source in case.inputs.values():
        candidate = selected_box(source)
        if candidate is not None and source.path == image.path and _is_outside(candidate, film):
            fault = f"the candidate {_numbers(candidate)} lies outside {size}"
            yield Problem(Kind.BOX, _where(case, image), fault, case_id=case.case_id)
    for label, *box in case.targets.get("boxes", ()):
        x, y, width, height = box
        if stray((x, y), (x + width, y + height), (film.width, film.height)):
            fault = f"the box {label} {_numbers(box)} leaves {size}"
            yield Problem(Kind.BOX, _where(case, image), fault, "warning", case.case_id)


def _is_outside(candidate: Sequence[float], film: Film) -> bool:
    x, y, width, height = candidate
    return not (0 <= x + width / 2 < film.width and 0 <= y + height / 2 < film.height)


def _numbers(box: Sequence[float]) -> str:
    return ", ".join(f"{number:g}" for number in box)


def _enlarged(films: Films, size: int) -> Iterator[Problem]:
    sides = {image: max(film.height, film.width) for image, film in films.items()}
    small = [image for image in films if ENLARGED * sides[image] <= size]
    if small:
        least = min(small, key=lambda image: sides[image])
        message = (
            f"{len(small)} of {len(films)} images are enlarged {ENLARGED} times or more to {size}"
            f" px; the smallest, {least}, has {films[least].width} x {films[least].height}"
        )
        yield Problem(Kind.SMALL, "", message, "warning")
