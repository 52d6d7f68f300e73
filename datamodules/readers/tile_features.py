"""Features of the tiles of slides, computed by other programs, listed in a table."""

from typing import ClassVar, Literal

from datamodules.readers.slide_rows import SlideRows

FEATURE_ENDINGS = (".h5", ".hdf5", ".safetensors", ".pt", ".pth", ".npy", ".npz")
"""Of files that :func:`~datamodules.feature_formats.read_bag` reads."""


class FeaturesReader(SlideRows):
    """Ready-made features, one file a slide, as TRIDENT and CLAM write them.

    Expected under ``root``: the table, and the files that it names::

        labels.csv                  slide,label
        features_uni/a.h5           a,normal
        features_uni/b.h5           b.h5,tumour

    .h5 has ``features`` (N, D) and ``coords`` (N, 2); .pt a tensor (N, D). Where CLAM has written
    both h5_files and pt_files, name one of these folders as the root, or write paths: a name alone
    may be either.
    """

    input_name: ClassVar[str] = "features"
    endings: ClassVar[tuple[str, ...]] = FEATURE_ENDINGS
    lists_features: ClassVar[bool] = True
    kind: Literal["features"] = "features"
