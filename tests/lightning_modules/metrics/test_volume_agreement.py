import numpy as np
import pytest

from lightning_modules.metrics.mask_units import MaskUnits
from lightning_modules.metrics.volume_agreement import volume_agreement


def row(case, true, predicted):
    """A case with so many true and predicted voxels of 10 mm3."""
    both = min(true, predicted)
    counts = {"tp": both, "fp": predicted - both, "fn": true - both, "tn": 1000}
    return {"case_id": case, "structures": {"liver": counts}, "spacing": [1.0, 2.0, 5.0]}


def test_limits_of_agreement_by_hand():
    found = volume_agreement(
        [row("c", 300, 330), row("a", 100, 90), row("b", 200, 210)], "liver", MaskUnits()
    )
    assert found.true == pytest.approx((1, 2, 3))
    assert found.predicted == pytest.approx((0.9, 2.1, 3.3))
    differences = np.array([-0.1, 0.1, 0.3])
    assert found.bias == pytest.approx(0.1)
    assert found.low == pytest.approx(0.1 - 1.96 * differences.std(ddof=1))
    assert found.high == pytest.approx(0.1 + 1.96 * differences.std(ddof=1))


def test_cases_without_the_structure_are_left_out_and_counted():
    found = volume_agreement([row("a", 0, 0), row("b", 0, 10)], "liver", MaskUnits())
    assert (found.left_out, found.true, found.low, found.high) == (1, (0,), None, None)
    assert found.bias == pytest.approx(0.1)


def test_a_structure_that_is_nowhere_has_no_agreement():
    assert volume_agreement([row("a", 0, 0)], "liver", MaskUnits()) is None
