"""Where a command ends and the shell begins: errors as messages, and exit codes."""

import os
import sys
from collections.abc import Callable

from datamodules.errors import LightboxError


def guarded(command: Callable[[], int]) -> int:
    """Run a command, and return the exit code of its process.

    What the user can mend becomes one message on standard error. Anything else is a bug, and
    keeps its traceback.
    """
    try:
        code = command()
        sys.stdout.flush()
    except LightboxError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        if not _reader_is_gone():
            raise
        return 141
    return code


def _reader_is_gone() -> bool:
    """Whether nobody reads standard output any more, as behind ``| head``; then silence it."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False
