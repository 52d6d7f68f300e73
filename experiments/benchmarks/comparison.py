"""One measurement of Lightbox beside another program, its goal, and the table of all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

Measure = Literal[
    "times the rate", "times faster", "times as long", "times as much", "longer", "alone"
]
"""What is held against the goal: how many times more a second, how many times less time, how many
times as much time or memory, the difference, or the figure of Lightbox by itself."""
AT_LEAST = ("times the rate", "times faster")


@dataclass(frozen=True)
class Comparison:
    """Lightbox and another program, measured in turn.

    Attributes:
        subject: What was measured.
        unit: Of the measurements.
        ours: Measurements of Lightbox, one a round.
        measure: What is held against the goal.
        goal: Its bound: least for a factor of speed, largest for everything else.
        against: The other program.
        other: Its measurements, in the same rounds; empty where there is no other program.
    """

    subject: str
    unit: str
    ours: tuple[float, ...]
    measure: Measure
    goal: float
    against: str = ""
    other: tuple[float, ...] = ()

    @property
    def value(self) -> float:
        """What is held against the goal, from the medians over the rounds."""
        return self._of(median(self.ours), median(self.other) if self.other else 0.0)

    @property
    def spread(self) -> tuple[float, float]:
        """Lowest and highest value of a single round."""
        others = self.other or (0.0,) * len(self.ours)
        values = [self._of(*pair) for pair in zip(self.ours, others, strict=True)]
        return min(values), max(values)

    @property
    def met(self) -> bool:
        """Whether the goal is met."""
        return self.value >= self.goal if self.measure in AT_LEAST else self.value <= self.goal

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "subject": self.subject,
            "against": self.against or None,
            "unit": self.unit,
            "ours": list(self.ours),
            "other": list(self.other),
            "measure": self.measure,
            "value": self.value,
            "goal": self.goal,
            "met": self.met,
        }

    def cells(self) -> tuple[str, ...]:
        """One row of the table."""
        other = f"{_number(median(self.other))} {self.unit}" if self.other else ""
        low, high = self.spread
        return (
            self.subject,
            f"{_number(median(self.ours))} {self.unit}",
            other,
            self.against,
            self._measured(_number(self.value)),
            f"{_number(low)} to {_number(high)}",
            ("at least " if self.measure in AT_LEAST else "at most ")
            + self._measured(f"{self.goal:g}"),
            "yes" if self.met else "NO",
        )

    def _measured(self, number: str) -> str:
        match self.measure:
            case "alone":
                return f"{number} {self.unit}"
            case "longer":
                return f"{number} {self.unit} more"
        return f"{number} x"

    def _of(self, ours: float, other: float) -> float:
        match self.measure:
            case "times the rate" | "times as long" | "times as much":
                return ours / other
            case "times faster":
                return other / ours
            case "longer":
                return ours - other
            case "alone":
                return ours


COLUMNS = ("subject", "Lightbox", "other", "", "ratio", "rounds", "goal", "met")


def table(comparisons: Sequence[Comparison]) -> str:
    """All comparisons as aligned text, a line each below the headings."""
    rows = [COLUMNS, *(comparison.cells() for comparison in comparisons)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def _number(value: float) -> str:
    """Three significant digits, without an exponent."""
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
