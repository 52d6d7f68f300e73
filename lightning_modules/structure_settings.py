"""Settings of a segmenter that name structures, or have a number for each of them."""

from collections.abc import Sequence

from datamodules.errors import ConfigError


def tolerances_of(given: Sequence[float], structures: Sequence[str]) -> dict[str, float]:
    """Tolerance of the surface Dice of each structure.

    Args:
        given: One number, or one for each structure, in mm (px without a spacing).
        structures: Their names.

    Raises:
        ConfigError: If there are as many numbers as neither.
    """
    if len(given) not in (1, len(structures)):
        raise ConfigError(
            f"--task.surface-tolerance has {len(given)} numbers, and there are {len(structures)}"
            f" structures ({', '.join(structures)}): give one, or one for each"
        )
    each = given if len(given) == len(structures) else tuple(given) * len(structures)
    return dict(zip(structures, each, strict=True))


def check_centrelines(given: Sequence[str], structures: Sequence[str]) -> None:
    """Look whether the structures whose centrelines are to be compared exist.

    Raises:
        ConfigError: If one does not.
    """
    if unknown := [name for name in given if name not in structures]:
        raise ConfigError(
            f"--task.centrelines: there is no structure {unknown[0]}; there are"
            f" {', '.join(structures)}"
        )
