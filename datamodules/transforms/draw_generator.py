"""Random numbers of one draw of a training case."""

import numpy as np


def generator(seed: int, epoch: int, draw: int, view: int = 0) -> np.random.Generator:
    """Random numbers of one view of one draw; no two (seed, epoch, draw, view) share any.

    Philox is counter-based: epoch, draw and view are the upper parts of its counter, which leaves
    2^64 blocks to each, and need no mixing.

    References:
        Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
    """
    return np.random.Generator(np.random.Philox(key=seed, counter=[0, view, draw, epoch]))
