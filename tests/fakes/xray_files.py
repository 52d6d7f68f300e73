"""Writes small film files in every format that is read, and damages them."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydicom import Dataset
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def ramp(rows: int = 6, columns: int = 9, bits: int = 8, seed: int = 0) -> np.ndarray:
    """Random grey values with black and white among them, uint8 or uint16."""
    high = 2**bits - 1
    pixels = np.random.default_rng(seed).integers(0, high + 1, (rows, columns))
    pixels[0, 0], pixels[-1, -1] = 0, high
    return pixels.astype(np.uint8 if bits <= 8 else np.uint16)


def write_image(path: Path, pixels: np.ndarray | Image.Image, **options: Any) -> Path:
    """Write a PNG, JPEG or TIFF, by the name's suffix."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


def write_inverted_palette_png(path: Path, pixels: np.ndarray) -> Path:
    """Write a palette PNG in which index 0 is white, as in the copies of JSRT."""
    image = Image.fromarray(255 - pixels).convert("P")
    image.putdata((255 - pixels).ravel().tolist())
    image.putpalette([255 - index // 3 for index in range(768)])
    return write_image(path, image)


def write_png_header(path: Path, width: int, height: int) -> Path:
    """Write a whole, valid PNG that declares a size and has next to no data."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(100))), (b"IEND", b"")]
    path.write_bytes(PNG_SIGNATURE + b"".join(_chunk(*chunk) for chunk in chunks))
    return path


def truncate(path: Path, drop: int) -> Path:
    """Cut bytes off the end."""
    path.write_bytes(path.read_bytes()[:-drop])
    return path


def flip_bit(path: Path, position: int, bit: int = 0) -> Path:
    """Flip one bit."""
    content = bytearray(path.read_bytes())
    content[position] ^= 1 << bit
    path.write_bytes(content)
    return path


def dicom(pixels: np.ndarray, bits_stored: int = 12, **elements: Any) -> FileDataset:
    """A digital radiograph in memory; further elements by their keyword, None removes one."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.SamplesPerPixel = 3 if pixels.ndim == 3 else 1
    if pixels.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.PhotometricInterpretation = "RGB" if pixels.ndim == 3 else "MONOCHROME2"
    dataset.BitsAllocated = 8 * pixels.dtype.itemsize
    dataset.BitsStored = min(bits_stored, dataset.BitsAllocated)
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.PixelData = pixels.tobytes() + bytes(pixels.nbytes % 2)
    for name, value in elements.items():
        setattr(dataset, name, value)
        if value is None:
            delattr(dataset, name)
    return dataset


def write_dicom(path: Path, pixels: np.ndarray, bits_stored: int = 12, **elements: Any) -> Path:
    """Write a digital radiograph; see :func:`dicom`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    dicom(pixels, bits_stored, **elements).save_as(path)
    return path


def look_up_table(values: np.ndarray, first: int, bits: int) -> Dataset:
    """Item of a VOI or modality LUT sequence."""
    item = Dataset()
    item.LUTDescriptor = [len(values), first, bits]
    item["LUTDescriptor"].VR = "US"
    item.add_new("LUTData", "OW", values.astype("<u2").tobytes())
    return item


def _chunk(name: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
    )
