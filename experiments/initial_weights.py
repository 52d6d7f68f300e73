"""Start from the weights of another run; what does not fit is left out and reported."""

from pathlib import Path

from callbacks.checkpoint_files import BEST, read_checkpoint
from datamodules.errors import CheckpointError, ConfigError
from lightning_modules.base import TaskModule


def initialise(module: TaskModule, source: Path) -> str:
    """Copy the weights that fit.

    Args:
        module: Changed in place.
        source: A run folder (its best checkpoint) or a checkpoint file.

    Returns:
        One sentence on what was taken and what was not.

    Raises:
        ConfigError: If there is nothing at that place.
        CheckpointError: If the checkpoint cannot be read, or nothing in it fits.
    """
    path = source / "checkpoints" / BEST if source.is_dir() else source
    if not path.is_file():
        raise ConfigError(f"--task.init-from: there is no checkpoint at {path}")
    theirs = read_checkpoint(path)["state_dict"]
    ours = module.state_dict()
    fitting = {
        name: value
        for name, value in theirs.items()
        if name in ours and ours[name].shape == value.shape
    }
    if not fitting:
        raise CheckpointError(f"--task.init-from: no weight in {path} fits this network")
    module.load_state_dict(fitting, strict=False)
    missing = sorted(set(ours) - set(fitting))
    left_out = f"; new and random: {', '.join(missing[:6])}" if missing else ""
    more = f" and {len(missing) - 6} more" if len(missing) > 6 else ""
    return f"started from {len(fitting)} of {len(ours)} weights of another run{left_out}{more}"
