"""How cases are named after their images, several of which may be series of one folder."""

from collections import defaultdict
from collections.abc import Sequence

from datamodules.readers.image_files import case_ids

SHORTEST_END = 4
"""Of a SeriesInstanceUID; it is longer where series would else be called alike."""


def name_images(images: Sequence[tuple[str, str | None]]) -> list[str]:
    """Names after the files; of several series in a folder, with the ends of their UIDs.

    Args:
        images: Path of each, and its SeriesInstanceUID where that is known.

    Returns:
        Equal names for equal images only, or for files that differ in their suffix.
    """
    paths = list(dict.fromkeys(path for path, _ in images))
    name_of = dict(zip(paths, case_ids(paths), strict=True))
    series: dict[str, set[str]] = defaultdict(set)
    for path, uid in images:
        if uid is not None:
            series[path].add(uid)
    lengths = {path: _length(uids) for path, uids in series.items() if len(uids) > 1}
    return [
        f"{name_of[path]}_{uid[-lengths[path] :]}"
        if uid is not None and path in lengths
        else name_of[path]
        for path, uid in images
    ]


def _length(uids: set[str]) -> int:
    """Characters at the end of UIDs that tell them apart."""
    length = SHORTEST_END
    while len({uid[-length:] for uid in uids}) < len(uids):
        length += 1
    return length
