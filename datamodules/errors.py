"""The errors that cross a command's boundary: what is wrong, where, and what to do."""

from collections.abc import Sequence


class LightboxError(Exception):
    """A fault that the user can mend; shown as its message, never as a traceback."""

    exit_code = 1


class ConfigError(LightboxError):
    """A setting is wrong, or settings do not fit together."""

    exit_code = 2


class DataError(LightboxError):
    """Something in a dataset is wrong; ``problems`` lists all of it, one line each."""

    exit_code = 5
    shown = 20

    def __init__(self, message: str, problems: Sequence[str] = ()) -> None:
        self.problems = tuple(problems)
        lines = [message, *(f"  - {problem}" for problem in self.problems[: self.shown])]
        if len(self.problems) > self.shown:
            lines.append(f"  ... and {len(self.problems) - self.shown} more")
        super().__init__("\n".join(lines))


class CheckpointError(LightboxError):
    """A checkpoint is damaged, unsafe to load, or belongs to something else."""

    exit_code = 6
