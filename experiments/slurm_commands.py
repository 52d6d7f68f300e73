"""The commands of Slurm, asked with patience that ends."""

import subprocess
from collections.abc import Sequence

from datamodules.errors import LightboxError

ANSWER_SECONDS = 45.0


def ask(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a command; what it answers, well or not.

    Raises:
        LightboxError: If there is no such command, or it does not answer.
    """
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False
        )
    except FileNotFoundError as error:
        raise LightboxError(
            f"there is no {command[0]} here (inside a container it has to be bound)"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise LightboxError(f"{command[0]} does not answer") from error
