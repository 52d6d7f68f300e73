"""Cluster profiles: the settings of a site, kept in a file of the user's own."""

import os
from pathlib import Path

import yaml
from pydantic import ValidationError

from datamodules.errors import ConfigError
from experiments.configs.slurm import SlurmConfig
from experiments.setting_errors import explain
from experiments.suggestions import suggestion


def with_profile(config: SlurmConfig, name: str) -> SlurmConfig:
    """Fill in the settings of a profile wherever ``config`` has its default.

    Args:
        config: Settings of the experiment.
        name: Of a profile, or the path of a .yaml file.

    Raises:
        ConfigError: If there is no such profile, or it is wrong.
    """
    theirs, plain = read_profile(name), SlurmConfig()
    own = {name: value for name, value in config if value != getattr(plain, name)}
    return SlurmConfig.model_validate({**theirs, **own, "profile": name})


def read_profile(name: str) -> dict[str, object]:
    """The settings that a profile names.

    Raises:
        ConfigError: Lists everything that is wrong with it.
    """
    path = profile_path(name)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        known = sorted(file.stem for file in profiles_folder().glob("*.yaml"))
        raise ConfigError(
            f"--slurm.profile: cannot read {path} ({error.strerror}){suggestion(name, known)}"
        ) from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"--slurm.profile: {path} is not a YAML file: {error}") from error
    if isinstance(values, dict) and "profile" in values:
        raise ConfigError(f"--slurm.profile: {path} names another profile, which it may not")
    try:
        SlurmConfig.model_validate(values)
    except ValidationError as error:
        faults = "\n  ".join(explain(error, SlurmConfig))
        raise ConfigError(f"--slurm.profile: {path} is wrong:\n  {faults}") from error
    found: dict[str, object] = values
    return found


def profile_path(name: str) -> Path:
    """Where a profile lies."""
    if name.endswith((".yaml", ".yml")):
        return Path(name).expanduser()
    return profiles_folder() / f"{name}.yaml"


def profiles_folder() -> Path:
    """The user's own profiles."""
    return Path(os.environ.get("XDG_CONFIG_HOME", "~/.config")).expanduser() / "lightbox/clusters"
