"""Volumes to files, whole or not at all: NIfTI, NRRD, MetaImage, PNG."""

import gzip
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import nibabel
import numpy as np
from PIL import Image

from datamodules.errors import ConfigError
from datamodules.volume import Volume
from datamodules.whole_files import whole_file

LEVEL = 4
"""Of compression: masks become no smaller beyond it, only slower."""
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
NRRD_TYPES = {"i1": "int8", "u1": "uint8", "i2": "int16", "u2": "uint16", "i4": "int32"}
NRRD_TYPES |= {"u4": "uint32", "i8": "int64", "u8": "uint64", "f4": "float", "f8": "double"}
MET_TYPES = {"i1": "CHAR", "u1": "UCHAR", "i2": "SHORT", "u2": "USHORT", "i4": "INT"}
MET_TYPES |= {"u4": "UINT", "i8": "LONG_LONG", "u8": "ULONG_LONG", "f4": "FLOAT", "f8": "DOUBLE"}


def write_volume(path: Path, volume: Volume) -> None:
    """Write a volume in the format that the name's suffix says.

    ``.nii`` and ``.nii.gz``, ``.nrrd``, ``.mha``: any real dtype, several channels too (the last
    axis of a NIfTI). ``.png``: two axes, uint8 or uint16, one channel, or three of uint8.

    Raises:
        ConfigError: If the suffix is another, or the volume does not fit the format.
    """
    encode = _encoder(path.name)
    with whole_file(path) as file:
        file.write(encode(volume))


def _encoder(name: str) -> Callable[[Volume], bytes]:
    encoders = {
        ".nii.gz": lambda volume: gzip.compress(_nifti(volume), LEVEL, mtime=0),
        ".nii": _nifti,
        ".nrrd": _nrrd,
        ".mha": _metaimage,
        ".png": _png,
    }
    for suffix, encode in encoders.items():
        if name.lower().endswith(suffix):
            return encode
    raise ConfigError(f"'{name}' names no format to write; {', '.join(encoders)} are known")


def _nifti(volume: Volume) -> bytes:
    array = volume.array
    if len(volume.spatial) == 2:
        array = array[..., None]
    array = array[0] if len(array) == 1 else np.moveaxis(array, 0, -1)
    image = nibabel.Nifti1Image(array, volume.affine, dtype=array.dtype)
    image.header.set_xyzt_units("mm")
    return bytes(image.to_bytes())


def _nrrd(volume: Volume) -> bytes:
    array, channels, axes = volume.array, len(volume.array), len(volume.spatial)
    lps = LPS @ volume.affine
    rows = 3 if axes == 3 else 2
    vectors = [_vector(lps[:rows, axis]) for axis in range(axes)]
    many = channels > 1
    space = "space: left-posterior-superior" if axes == 3 else "space dimension: 2"
    lines = [
        "NRRD0004",
        f"type: {NRRD_TYPES[array.dtype.str[1:]]}",
        f"dimension: {axes + many}",
        space,
        f"sizes: {' '.join(map(str, (*([channels] if many else []), *volume.spatial)))}",
        f"space directions: {' '.join([*(['none'] if many else []), *vectors])}",
        f"kinds: {' '.join([*(['list'] if many else []), *['domain'] * axes])}",
        "endian: little",
        "encoding: gzip",
        f"space origin: {_vector(lps[:rows, 3])}",
    ]
    head = "\n".join(lines) + "\n\n"
    return head.encode() + gzip.compress(_first_index_fastest(volume), LEVEL, mtime=0)


def _metaimage(volume: Volume) -> bytes:
    axes, array = len(volume.spatial), volume.array
    lps = (LPS @ volume.affine)[:axes]
    spacing = np.array(volume.spacing)
    data = zlib.compress(_first_index_fastest(volume), LEVEL)
    fields = {
        "ObjectType": "Image",
        "NDims": str(axes),
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "CompressedData": "True",
        "CompressedDataSize": str(len(data)),
        "TransformMatrix": _numbers((lps[:, :axes] / spacing).T),
        "Offset": _numbers(lps[:, 3]),
        "ElementSpacing": _numbers(spacing),
        "DimSize": " ".join(map(str, volume.spatial)),
        "ElementNumberOfChannels": str(len(array)),
        "ElementType": f"MET_{MET_TYPES[array.dtype.str[1:]]}",
        "ElementDataFile": "LOCAL",
    }
    return "".join(f"{name} = {text}\n" for name, text in fields.items()).encode() + data


def _png(volume: Volume) -> bytes:
    array = volume.array
    fits = array.dtype == np.uint8 or (array.dtype == np.uint16 and len(array) == 1)
    if array.ndim != 3 or len(array) not in (1, 3) or not fits:
        raise ConfigError(f"{array.dtype} {array.shape} does not fit a PNG; write it as .nii.gz")
    pixels = array[0] if len(array) == 1 else np.moveaxis(array, 0, -1)
    content = BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(content, "PNG")
    return content.getvalue()


def _first_index_fastest(volume: Volume) -> bytes:
    """Voxels in little endian, channels together."""
    array = volume.array
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes(order="F")


def _numbers(values: np.typing.ArrayLike) -> str:
    return " ".join(repr(float(value)) for value in np.ravel(values))


def _vector(values: np.typing.ArrayLike) -> str:
    return f"({','.join(_numbers(values).split())})"
