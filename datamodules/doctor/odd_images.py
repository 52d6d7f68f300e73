"""Images that are unlike the others of their dataset, or show nothing."""

from collections import Counter
from collections.abc import Iterator, Mapping

from datamodules.problems import Kind, Problem

Form = tuple[int, int]
"""Number of axes and of channels."""


def unlike_most(forms: Mapping[str, Form]) -> Iterator[Problem]:
    """Cases whose images have other numbers of axes or channels than most; by case id."""
    usual = Counter(forms.values()).most_common(1)
    for name, form in forms.items():
        if form != usual[0][0]:
            most = "{} axes and {} channels".format(*usual[0][0])
            message = "it has {} axes and {} channels".format(*form) + f", and most have {most}"
            yield Problem(Kind.UNREADABLE, f"case '{name}'", message, case_id=name)


def without_contrast(case_id: str, used: tuple[float, float], noun: str) -> Iterator[Problem]:
    """An image of a single value; ``used``: its smallest and largest, ``noun``: pixel or voxel."""
    if used[0] == used[1]:
        message = f"every {noun} has the value {used[0]:g}"
        yield Problem(Kind.BLANK, f"case '{case_id}'", message, "warning", case_id)
