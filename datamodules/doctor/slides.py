"""The doctor for slides: all that a run on them would read."""

from functools import partial

from datamodules.cases import CaseTable, Source, resolve
from datamodules.configs.slides import SlidesConfig, SlideSettings
from datamodules.data_info import LabelSet
from datamodules.doctor.examination import Examination
from datamodules.doctor.labels import examine_labels
from datamodules.errors import DataError
from datamodules.parallel import few_threads, map_in_order, shown
from datamodules.patient_slides import group_patients
from datamodules.problems import Kind, Problem, problems_of
from datamodules.readers.reader import Reading
from datamodules.slide_bags import has_ready_features


def examine_slides(
    config: SlidesConfig,
    table: CaseTable | None = None,
    *,
    pixels: bool,
    labels: LabelSet | None = None,
) -> Examination:
    """Look at everything that a run on slides would read.

    Args:
        config: Says what is read, and what is made of it.
        table: The cases, where they have been read without a fault.
        pixels: Open every slide, find its tissue, and read a tile of it; every file of features is
            read to its end. Off: only what needs no file.
        labels: What is predicted; None: what the settings say.

    Raises:
        ConfigError: If the settings do not fit together, or not to the dataset.
    """
    reading = read_slides(config, table)
    return examine_labels(
        config, reading, labels, partial(look_at_slides, config) if pixels else None
    )


def read_slides(config: SlideSettings, table: CaseTable | None) -> Reading:
    """The cases: slides, or patients by their slides; of a table they are as they are."""
    if table is not None:
        return Reading(table)
    reading = config.reader.examine()
    if config.unit == "patient" and reading.table is not None:
        return _of_patients(reading)
    return reading


def _of_patients(reading: Reading) -> Reading:
    assert reading.table is not None
    try:
        return Reading(group_patients(reading.table), reading.problems)
    except DataError as error:
        return Reading(reading.table, (*reading.problems, *problems_of(error, Kind.LABEL)))


def look_at_slides(config: SlideSettings, found: Examination) -> None:
    """Open every slide, or file of features; add their content and what is wrong with them."""
    table = found.table
    assert table is not None
    places = [(case.case_id, source) for case in table.cases for source in case.inputs.values()]
    look = _look_at_features if has_ready_features(table) else partial(_look_at_slide, config)

    def seen(place: tuple[str, Source]) -> bytes | Problem:
        name, source = place
        try:
            return look(table, source)
        except DataError as error:
            where = f"case '{name}' (file {source})"
            return Problem(Kind.UNREADABLE, where, str(error), case_id=name)

    results = map_in_order(seen, places, few_threads(), ahead=1)
    found.images = images = {}
    shown_results = shown(results, f"Reading {table.name}", len(places))
    for (_, source), result in zip(places, shown_results, strict=True):
        if isinstance(result, Problem):
            found.problems.append(result)
        else:
            images[source] = result


def _look_at_features(table: CaseTable, source: Source) -> bytes:
    """Read all features of a file; what identifies them."""
    import hashlib

    from datamodules.feature_formats import read_bag

    bag = read_bag(resolve(table.root, source.path), source.selector)
    return hashlib.sha256(bag.features.tobytes()).digest()[:16]


def _look_at_slide(config: SlideSettings, table: CaseTable, source: Source) -> bytes:
    """Open a slide, find its tissue, and read a tile; what identifies it."""
    from datamodules.transforms.slide_reading import open_slide
    from datamodules.transforms.slide_tiles import TileReader, tile_grid
    from datamodules.transforms.slide_tissue import find_tissue

    path = resolve(table.root, source.path)
    with open_slide(path, config.assumed_um_per_pixel) as slide:
        grid = tile_grid(
            slide, find_tissue(slide, config.tissue, path.stem, config.masks), config.tiles
        )
        TileReader(slide, grid).read(len(grid.corners) // 2)
        return slide.content
