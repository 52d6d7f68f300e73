"""Whether W&B can be used from here: a key, and a server that answers."""

import http.client
import netrc
import os
import ssl
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from datamodules.errors import ConfigError

PROGRAM = "lightbox"
"""What W&B is told that runs; of itself it would send the path of the script."""
PROBE_SECONDS = 3.0


def check_reachable(what: str, otherwise: str) -> None:
    """See that W&B can be used now.

    Args:
        what: What asks for it, for the message.
        otherwise: What to do when there is no network.

    Raises:
        ConfigError: If there is no key, or its server does not answer.
    """
    if not has_key():
        raise ConfigError(f"{what}: no API key; run `wandb login` or set WANDB_API_KEY")
    if not server_answers():
        raise ConfigError(f"{what}: {_server()} does not answer; {otherwise}")


def has_key() -> bool:
    """Whether there is an API key in the environment or the netrc file."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        entry = netrc.netrc(os.environ.get("NETRC")).authenticators(
            urlsplit(_server()).hostname or ""
        )
    except (OSError, netrc.NetrcParseError):
        return False
    return entry is not None


def server_answers() -> bool:
    """Whether W&B's server answers a request; behind a proxy, which is not asked, it is assumed.

    That something accepts connections does not suffice: a network may swallow what it is sent.
    """
    if urllib.request.getproxies():
        return True
    try:
        with urllib.request.urlopen(_server(), timeout=PROBE_SECONDS):
            return True
    except urllib.error.HTTPError:
        return True
    except (OSError, http.client.HTTPException) as error:
        return isinstance(getattr(error, "reason", None), ssl.SSLError)  # W&B knows more roots


def _server() -> str:
    return os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")
