"""Evidence over the original image, in its own geometry; and names that no two images share."""

import hashlib
import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from datamodules.configs.xrays import XrayPreprocessing
from datamodules.transforms.xray_preprocessing import PreprocessXray, scale_grey
from datamodules.transforms.xray_reading import read_xray
from datamodules.whole_files import whole_file

STRENGTH = 0.5
STRIP = 256
LINES_A_FILM = 48
"""Lines of text that would fill a film, and the share of it that one note may cover at most."""
MOST_COVERED = 0.25
SMALLEST_LETTER = 9
BLACK, RED, LETTERS = (0, 0, 0), (176, 0, 32), (255, 255, 255)
LONGEST_NAME = 200
"""Bytes; file systems take 255, and a temporary name is longer."""


def write_overlay(
    path: Path,
    film: Path,
    preprocessing: XrayPreprocessing,
    evidence: NDArray[np.float32],
    caption: str,
    warning: str = "",
) -> None:
    """Draw a map of evidence over a film and write it as PNG, whole or not at all.

    Args:
        path: The PNG to write.
        film: The original file.
        preprocessing: Says which of its grey values become black and white.
        evidence: float32 ``(height, width)`` of the film, in 0..1.
        caption: Stands at the bottom.
        warning: Stands at the top, on red; empty: nothing does.

    Raises:
        DataError: If the film cannot be read any more.
    """
    pixels = read_xray(film)
    grey_range = PreprocessXray(preprocessing).grey_range(pixels)
    grey = scale_grey(pixels.pixels, *grey_range).astype(np.uint8)
    write_annotated(path, grey, evidence, caption, warning)


def write_annotated(
    path: Path,
    grey: NDArray[np.uint8],
    evidence: NDArray[np.float32],
    caption: str,
    warning: str = "",
) -> None:
    """Write a grey image ``(H, W)`` with evidence and notes as PNG; see :func:`write_overlay`."""
    write_noted(path, blend(grey, evidence), caption, warning)


def write_noted(path: Path, colours: NDArray[np.uint8], caption: str, warning: str = "") -> None:
    """Write an RGB image ``(H, W, 3)`` with notes as PNG; see :func:`write_overlay`."""
    picture = Image.fromarray(colours)
    _write_note(picture, caption, BLACK, at_top=False)
    if warning:
        _write_note(picture, warning, RED, at_top=True)
    with whole_file(path) as file:
        picture.save(file, format="PNG")


def write_picture(path: Path, colours: NDArray[np.uint8]) -> None:
    """Write an RGB image as PNG, whole or not at all."""
    with whole_file(path) as file:
        Image.fromarray(colours).save(file, format="PNG")


def blend(grey: NDArray[np.uint8], evidence: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Colour an image, grey ``(H, W)`` or RGB, where there is evidence; uint8 ``(H, W, 3)``."""
    shades = grey if grey.ndim == 3 else grey[..., None]
    blended = np.empty((*evidence.shape, 3), np.uint8)
    for top in range(0, len(grey), STRIP):  # a whole film in float would take gigabytes
        rows = slice(top, top + STRIP)
        colours = colormaps["inferno"](evidence[rows])[..., :3].astype(np.float32) * 255
        share = (STRENGTH * np.clip(evidence[rows] * 1.5, 0, 1))[..., None].astype(np.float32)
        blended[rows] = np.rint(shades[rows] * (1 - share) + colours * share)
    return blended


def output_path(folder: Path, name: str, label: str, suffix: str) -> Path:
    """Where the output on one label of one file lies: in the file's own folder below ``folder``.

    No two pairs of file and label share a place, nor is one's file another's folder.

    Args:
        folder: Of all outputs with this suffix.
        name: Of the file, its folders parted by ``/``.
        label: Any text.
        suffix: Of the output, such as ``.png``.
    """
    *folders, own = (re.sub(r"^(?=%|\.*$)", "%", part) for part in name.split("/"))
    # An output ends in the suffix and no folder does, nor in the suffix and underscores as marked.
    folders = [re.sub(rf"({re.escape(suffix)}_*)$", r"\1_", part) for part in folders]
    # The last two underscores in a row are those between file and label.
    escaped = re.sub(
        r'[%/\\:*?"<>|\x00-\x1f]|(?<![^_])_', lambda sign: f"%{ord(sign[0]):02X}", label
    )
    leaf = f"{own}__{escaped}{suffix}"
    if len(whole := os.fsencode(leaf)) > LONGEST_NAME:
        digest = hashlib.blake2b(whole, digest_size=16).hexdigest()
        leaf = f"{os.fsdecode(whole[: LONGEST_NAME // 2])}__{digest}{suffix}"
    return folder.joinpath(*folders, leaf)


def _write_note(
    picture: Image.Image, text: str, ground: tuple[int, int, int], *, at_top: bool
) -> None:
    """Write text on a bar at the top or the bottom; what does not fit ends in an ellipsis."""
    size = max(SMALLEST_LETTER, min(picture.size) // LINES_A_FILM)
    font, height = note_font(size), round(size * 1.3)
    lines = list(_wrapped(text, font, picture.width))
    most = max(1, int(MOST_COVERED * picture.height / height))
    if len(lines) > most:
        lines = [*lines[: most - 1], f"{lines[most - 1]} \N{HORIZONTAL ELLIPSIS}"]
    top = 0 if at_top else picture.height - len(lines) * height
    canvas = ImageDraw.Draw(picture)
    canvas.rectangle((0, top, picture.width, top + len(lines) * height), fill=ground)
    for number, line in enumerate(lines):
        canvas.text((size // 3, top + number * height), line, fill=LETTERS, font=font)


def _wrapped(text: str, font: ImageFont.FreeTypeFont, width: int) -> Iterator[str]:
    line = ""
    for word in text.split():
        longer = f"{line} {word}".lstrip()
        if line and font.getlength(longer) > width - font.size:
            yield line
            longer = word
        line = longer
    yield line


@lru_cache
def note_font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib: it has Greek and Cyrillic letters, too."""
    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf"), size)
