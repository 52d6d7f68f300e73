"""A table of a report: plain cells that the page only has to set."""

from dataclasses import dataclass, field

from experiments.reporting.words import UNDEFINED, FigureDict, interval, number, whole_number


@dataclass(frozen=True)
class Cell:
    """A value, what stands small beneath it, and the mark of a note."""

    text: str
    detail: str = ""
    mark: str = ""


@dataclass(frozen=True)
class TableRow:
    """One row; ``heading`` rows divide a table and have no cells."""

    name: str
    cells: tuple[Cell, ...] = ()
    hint: str = ""
    heading: bool = False


@dataclass
class Table:
    """A table with its caption, and the notes that explain what is missing."""

    caption: str
    columns: tuple[str, ...]
    rows: list[TableRow] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    """Mark by text."""

    def add(self, name: str, *cells: Cell | str, hint: str = "") -> None:
        """Append a row."""
        made = tuple(Cell(cell) if isinstance(cell, str) else cell for cell in cells)
        self.rows.append(TableRow(name, made, hint))

    def divide(self, heading: str) -> None:
        """Begin a new part of the table."""
        self.rows.append(TableRow(heading, heading=True))

    def mark(self, text: str | None) -> str:
        """The mark of a note, the same for the same text; none for no text."""
        if not text:
            return ""
        return self.notes.setdefault(text, _letters(len(self.notes)))

    def cell(self, figure: FigureDict | None, *, whole: bool = False) -> Cell:
        """A figure with its interval beneath; a dash and a note where it is undefined.

        Args:
            figure: As metrics.json has it.
            whole: It is a count.
        """
        if figure is None:
            return Cell(UNDEFINED)
        text = whole_number if whole else number
        return Cell(text(figure["value"]), interval(figure, text), self.mark(figure.get("reason")))


def _letters(index: int) -> str:
    """a, b, ..., z, aa, ab, ..."""
    return ("" if index < 26 else _letters(index // 26 - 1)) + chr(ord("a") + index % 26)
