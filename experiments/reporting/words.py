"""Numbers and names as a reader of the report wants to see them."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

FigureDict = Mapping[str, Any]
"""A figure of metrics.json: value, low, high, cases, patients, and reason where one is missing."""

UNDEFINED = "\N{EN DASH}"
THIN = "\N{NARROW NO-BREAK SPACE}"
LEAST_SHOWN = 0.001
"""What is smaller, and not 0, is shown as below this: a p-value is never 0."""
FIGURE_SPACE = "\N{FIGURE SPACE}"
SPLITS = {"train": "Training", "val": "Validation", "test": "Test", "excluded": "Excluded"}


def number(value: float | None) -> str:
    """Three decimals, fewer for large values: 0.970, 12.35, 431.0."""
    if value is None:
        return UNDEFINED
    if 0 < value < LEAST_SHOWN / 2:
        return f"<{LEAST_SHOWN}"
    decimals = 3 if abs(value) < 10 else 2 if abs(value) < 100 else 1
    return f"{value:.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def whole_number(value: float | None) -> str:
    """No decimals, thousands apart."""
    return UNDEFINED if value is None else count(round(value))


def interval(figure: FigureDict, text: Callable[[float | None], str] = number) -> str:
    """Both ends of the 95 % interval, or nothing; a dash beside a minus would be misread."""
    if figure["low"] is None or figure["high"] is None:
        return ""
    between = " to " if figure["low"] < 0 else "\N{EN DASH}"
    return f"{text(figure['low'])}{between}{text(figure['high'])}"


def short(value: float) -> str:
    """Two decimals, for a sentence; three where two would claim perfection."""
    if 0 < value < LEAST_SHOWN / 2:
        return f"below {LEAST_SHOWN}"
    return f"{value:.3f}" if 0.995 <= value < 1 or 0 < value < 0.005 else f"{value:.2f}"


def in_words(figure: FigureDict, unit: str = "") -> str:
    """``0.97 (95 % CI 0.95 to 0.98)``, or with a unit ``1.42 mm (95 % CI 1.31 to 1.55)``."""
    if figure["value"] is None:
        return f"undefined ({figure.get('reason') or 'no reason is known'})"
    value = f"{short(figure['value'])} {unit}".rstrip()
    if figure["low"] is None:
        return value
    low, high = short(figure["low"]), short(figure["high"])
    return f"{value} (95{THIN}% CI {low} to {high})"


def count(amount: int) -> str:
    """Thousands apart: 112,120."""
    return f"{amount:,}"


def counted(amount: int, noun: str) -> str:
    """``1 image``, ``624 images``."""
    return f"{count(amount)} {noun}{'' if amount == 1 else 's'}"


def percent(part: float, whole: float, decimals: int | None = None) -> str:
    """``8.5 %``, ``97 %``; a share is never rounded to nothing or to everything."""
    share = 100 * part / whole if whole else 0.0
    if 0 < share < 100:
        share = min(max(share, 0.1), 99.9)
    if decimals is None:
        decimals = 0 if 10 <= share <= 99 or share in (0, 100) else 1
    return f"{share:.{decimals}f}{THIN}%"


def share_of(part: int, whole: int) -> str:
    """``120 (24.0 %)``, padded so that columns of them align."""
    if not whole:
        return UNDEFINED
    share = f"({percent(part, whole, 1)})"
    return f"{count(part)} {share.rjust(8, FIGURE_SPACE)}"


def listed(words: Sequence[str]) -> str:
    """``a, b and c``."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def quoted(name: str) -> str:
    """A label, which is a user's word, apart from ours."""
    return f"\N{LEFT DOUBLE QUOTATION MARK}{name}\N{RIGHT DOUBLE QUOTATION MARK}"


def plain(name: str) -> str:
    """A field's name as words."""
    return name.replace("_", " ")


def headed(name: str) -> str:
    """A field's name as a heading: only its first letter changes."""
    return plain(name)[:1].upper() + plain(name)[1:]


def ranged(value: str) -> str:
    """A band such as 40-64 with the dash of a range."""
    return re.sub(r"^(\d+)-(\d+)$", "\\1\N{EN DASH}\\2", value)


def moment(timestamp: str) -> str:
    """An ISO 8601 time as ``21 November 2026, 12:14 UTC``."""
    time = datetime.fromisoformat(timestamp).astimezone(UTC)
    return f"{time.day} {time:%B %Y, %H:%M} UTC"
