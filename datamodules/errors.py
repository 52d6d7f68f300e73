"""The errors that cross a command's boundary: what is wrong, where, and what to do."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datamodules.problems import Problem


class LightboxError(Exception):
    """A fault that the user can mend; shown as its message, never as a traceback."""

    exit_code = 1


class StoppedError(BaseException):
    """The process was told to stop; its run can go on from its last checkpoint.

    Like KeyboardInterrupt it is no Exception, so that nothing goes on without what it interrupts.

    Attributes:
        signal: What told it.
        exit_code: As a shell gives it for a signal.
    """

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(f"told to stop ({number.name}); the run can be resumed")
        self.signal = number
        self.exit_code = 128 + number


class ConfigError(LightboxError):
    """A setting is wrong, or settings do not fit together."""

    exit_code = 2


class DataError(LightboxError):
    """Something in a dataset is wrong; ``problems`` lists all of it, one line each."""

    exit_code = 5
    shown = 20

    def __init__(self, message: str, problems: Sequence[Problem | str] = ()) -> None:
        self.message = message
        self.found = tuple(problems)
        self.problems = tuple(str(problem) for problem in problems)
        lines = [message, *(f"  - {problem}" for problem in self.problems[: self.shown])]
        if len(self.problems) > self.shown:
            lines.append(f"  ... and {len(self.problems) - self.shown} more")
        super().__init__("\n".join(lines))


def readable(text: str) -> str:
    """A text that can be printed and written; what is not UTF-8 in a file's name is escaped."""
    return text.encode(errors="backslashreplace").decode()


class CheckpointError(LightboxError):
    """A checkpoint is damaged, unsafe to load, or belongs to something else."""

    exit_code = 6
