"""The doctor for volumes to classify: all that a run on them would read."""

from dataclasses import dataclass
from functools import partial

from datamodules.candidates import image_of
from datamodules.case_files import CaseFiles
from datamodules.cases import Case, CaseTable
from datamodules.configs.volumes import VolumesConfig
from datamodules.data_info import LabelSet
from datamodules.doctor.examination import Examination
from datamodules.doctor.labels import examine_labels
from datamodules.doctor.odd_images import unlike_most, without_contrast
from datamodules.errors import DataError
from datamodules.parallel import few_threads, map_in_order, shown
from datamodules.problems import Kind, Problem
from datamodules.readers.reader import Reading
from datamodules.transforms.npz_rows import forget_arrays
from datamodules.transforms.volume_reading import check_volume
from datamodules.transforms.xray_pixels import content_hash
from datamodules.volume_content import UnreadableFileError


@dataclass(frozen=True)
class _Look:
    """What was seen of one volume."""

    content_hash: bytes
    axes: int
    channels: int
    used: tuple[float, float]


def examine_volumes(
    config: VolumesConfig,
    table: CaseTable | None = None,
    *,
    pixels: bool,
    labels: LabelSet | None = None,
) -> Examination:
    """Look at everything that a run on volumes would read.

    Args:
        config: Says what is read, and what is made of it.
        table: The cases, where they have been read without a fault.
        pixels: Read every volume to its end; off: only what needs no file.
        labels: What is predicted; None: what the settings say.

    Raises:
        ConfigError: If the settings do not fit together, or not to the dataset.
    """
    reading = config.reader.examine() if table is None else Reading(table)
    return examine_labels(config, reading, labels, _look_at_all if pixels else None)


def _look_at_all(found: Examination) -> None:
    table = found.table
    assert table is not None
    owners = {
        tuple(map(image_of, case.inputs.values())): case
        for case in reversed(table.cases)
        if case.inputs  # of one without, the reader has said that its file is missing
    }  # many candidates may lie in one volume
    cases = list(reversed(owners.values()))
    results = map_in_order(partial(_look, table), cases, few_threads(), ahead=1)
    looks: dict[str, _Look] = {}
    found.images = images = {}
    for case, result in zip(
        cases, shown(results, f"Reading {table.name}", len(cases)), strict=True
    ):
        if isinstance(result, Problem):
            found.problems.append(result)
            continue
        looks[case.case_id] = result
        images[image_of(next(iter(case.inputs.values())))] = result.content_hash
        found.problems += without_contrast(case.case_id, result.used, "voxel")
    forget_arrays()
    found.problems += unlike_most({n: (each.axes, each.channels) for n, each in looks.items()})


def _look(table: CaseTable, case: Case) -> _Look | Problem:
    try:
        image = CaseFiles(case, table.root).read_image()
        check_volume(image)
    except UnreadableFileError as error:
        return Problem(Kind.UNREADABLE, str(error.item), str(error), case_id=case.case_id)
    except DataError as error:
        return Problem(Kind.UNREADABLE, f"case '{case.case_id}'", str(error), case_id=case.case_id)
    array = image.array
    used = (float(array.min()), float(array.max()))
    return _Look(content_hash(array), array.ndim - 1, len(array), used)
