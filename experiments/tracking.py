"""Weights & Biases: whether, how, and what it may see. Decided before any data is loaded."""

import hashlib
import hmac
import logging
import netrc
import os
import secrets
import socket
import urllib.request
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pytorch_lightning.loggers import Logger

from datamodules.errors import ConfigError
from experiments.experiment import Experiment, LoggingConfig
from experiments.run_folder import RunFolder

log = logging.getLogger("lightbox")

Mode = Literal["online", "offline", "off"]
PROBE_SECONDS = 3.0
INIT_SECONDS = 30.0


def choose_mode(config: LoggingConfig) -> tuple[Mode, str]:
    """Whether W&B is used, and why; never waits for a network that is not there.

    Raises:
        ConfigError: If ``online`` is demanded and cannot be had.
    """
    if config.wandb in ("off", "offline"):
        return config.wandb, "as asked"
    if config.wandb == "auto" and (told := os.environ.get("WANDB_MODE")) in ("offline", "disabled"):
        return (
            ("offline", f"WANDB_MODE={told}")
            if told == "offline"
            else ("off", f"WANDB_MODE={told}")
        )
    key, network = _has_key(), _server_answers()
    if config.wandb == "online":
        if not key:
            raise ConfigError(
                "--logging.wandb online: no API key; run `wandb login` or set WANDB_API_KEY"
            )
        if not network:
            raise ConfigError(
                "--logging.wandb online: the server does not answer; use offline, and `wandb sync` later"
            )
        return "online", "as asked"
    if not key:
        return "off", "no API key; local files are complete (`wandb login` to use it)"
    return (
        ("online", "a key and a network are there")
        if network
        else ("offline", "a key but no network")
    )


def build_loggers(
    experiment: Experiment, folder: RunFolder, attempt: int, mode: Mode
) -> list[Logger]:
    """Lightning's W&B logger under the run's own id, or none.

    W&B sees no absolute path, command line, host or code: only the configuration without local
    paths, metrics, and what the figures show.
    """
    if mode == "off":
        return []
    import wandb
    from pytorch_lightning.loggers import WandbLogger

    config = experiment.logging
    os.environ.setdefault("WANDB_SILENT", "true")
    settings = wandb.Settings(
        init_timeout=INIT_SECONDS,
        console="off",
        disable_code=True,
        disable_git=True,
        x_disable_meta=True,
        x_disable_machine_info=True,
    )
    logger = WandbLogger(
        project=config.project,
        entity=config.entity,
        name=folder.name,
        id=folder.status()["wandb_id"],
        resume="allow",
        save_dir=folder.path,
        mode=mode,
        group=experiment.name,
        tags=list(config.tags),
        config=experiment.public(),
        settings=settings,
    )
    if attempt > 1:
        _continue_steps(logger, folder, attempt)
    return [logger]


def _continue_steps(logger: Logger, folder: RunFolder, attempt: int) -> None:
    """Offline, W&B counts a new attempt from step 0 unless it is told once where it is."""
    from callbacks.metrics_log import read_metrics

    rows = read_metrics(folder.metrics_log)
    logger.log_metrics({"attempt": attempt}, step=rows[-1]["step"] + 1 if rows else 0)


def hashed_id(case_id: str) -> str:
    """A name for a case that only this machine's key can connect to it (HMAC-SHA256)."""
    return hmac.new(_local_key(), case_id.encode(), hashlib.sha256).hexdigest()[:16]


def _local_key() -> bytes:
    path = (
        Path(os.environ.get("XDG_CONFIG_HOME", "~/.config")).expanduser()
        / "lightbox"
        / "case-id.key"
    )
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
        try:
            os.link(temporary, path)
        except FileExistsError:
            log.debug("another process made the key first")
        temporary.unlink()
    return path.read_bytes()


def _server() -> str:
    return os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")


def _has_key() -> bool:
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        entry = netrc.netrc(os.environ.get("NETRC")).authenticators(
            urlsplit(_server()).hostname or ""
        )
    except (OSError, netrc.NetrcParseError):
        return False
    return entry is not None


def _server_answers() -> bool:
    if urllib.request.getproxies():
        return True
    url = urlsplit(_server())
    port = url.port or (80 if url.scheme == "http" else 443)
    try:
        with socket.create_connection((url.hostname, port), timeout=PROBE_SECONDS):
            return True
    except OSError:
        return False
