"""What turns tiles into features, whoever it is: datamodules know no networks."""

from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray


class TileEncoder(Protocol):
    """What turns tiles into features."""

    @property
    def identity(self) -> dict[str, Any]:
        """Encoder, weights and normalisation, as plain values; known without building it."""

    def encode(self, tiles: NDArray[np.uint8]) -> NDArray[np.float16]:
        """Tiles uint8 RGB ``(n, side, side, 3)`` to features ``(n, D)``."""


class NoEncoder:
    """In an encoder's place where tiles are kept as they are: it says where they lie only."""

    identity: ClassVar[dict[str, Any]] = {"encoder": "tiles"}

    def encode(self, tiles: NDArray[np.uint8]) -> NDArray[np.float16]:
        """No features of each tile, float16 ``(n, 0)``."""
        return np.empty((len(tiles), 0), np.float16)
