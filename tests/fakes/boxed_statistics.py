"""What training cases with boxes are like, all of them alike."""

import numpy as np

from datamodules.box_statistics import BoxedCaseStatistics, BoxStatistics


def statistics(shape, sides, spacing=None, cases=20) -> BoxStatistics:
    """Cases with the given sides of boxes in each; without a spacing, pixels."""
    sides = np.array(sides, np.float64)
    case = BoxedCaseStatistics(
        shape=shape,
        cropped=shape,
        spacing=spacing or (1.0,) * len(shape),
        has_spacing=spacing is not None,
        channels=1,
        lowest=0.0,
        highest=255.0,
        foreground=np.arange(100, dtype=np.float32),
        sides=sides,
        labels=np.zeros(len(sides), np.int64),
    )
    return BoxStatistics("fake", (case,) * cases, ("cell",))
