"""What becomes of an error at the end of a command: one message, and an exit code."""

import errno
import os
import select
import sys
from collections.abc import Callable

from datamodules.errors import LightboxError, StoppedError
from datamodules.whole_files import is_full

_PLACE_FAULTS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES}
"""Faults of the place that is written to, not of the program."""


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
    except StoppedError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        if not _reader_is_gone():
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        if error.errno not in _PLACE_FAULTS:
            raise
        advice = "; free disk space, then try again" if is_full(error) else ""
        print(f"error: {error.filename or 'writing'}: {error.strerror}{advice}", file=sys.stderr)
        return 1
    return code


def _reader_is_gone() -> bool:
    """Whether nobody reads standard output any more, as behind ``| head``.

    Other pipes break too, such as that to a dead worker process, and those must be heard of.
    """
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
