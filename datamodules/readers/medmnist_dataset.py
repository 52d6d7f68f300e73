"""One dataset of MedMNIST v2: what its labels mean, and the checksums of its files."""

from dataclasses import dataclass


@dataclass(frozen=True)
class MedMnist:
    """One of the datasets.

    Attributes:
        names: Classes by number, or findings by column where ``multi_label``.
        md5: Checksum of the file for each size in pixels that is published.
        multi_label: Whether each name holds or not, apart from the others.
        positive: Of two classes, the number of the positive one.
        axes: Of an image: 2, or 3 of a volume.
        origin: Of how many patients or scans its images are, where those are fewer; the file does
            not say which images belong together.
    """

    names: tuple[str, ...]
    md5: dict[int, str]
    multi_label: bool = False
    positive: int = 1
    axes: int = 2
    origin: str = ""

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes by number, but of two the positive one last; none if ``multi_label``."""
        if self.multi_label:
            return ()
        return self.names[::-1] if len(self.names) == 2 and self.positive == 0 else self.names

    @property
    def label_columns(self) -> int:
        """Numbers that label one image."""
        return len(self.names) if self.multi_label else 1

    @property
    def highest_label(self) -> int:
        """The largest number that a label can be; the smallest is 0."""
        return 1 if self.multi_label else len(self.names) - 1

    def shapes(self, size: int) -> tuple[tuple[int, ...], ...]:
        """Shapes that one image of a size may have; the last axis of a 2D one may be RGB."""
        plain = (size,) * self.axes
        return (plain,) if self.axes == 3 else (plain, (*plain, 3))
