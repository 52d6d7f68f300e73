import pytest
import torch
from monai.data.utils import compute_importance_map

from lightning_modules.window_sums import WindowSums, gaussian_weights


@pytest.mark.parametrize("window", [(8, 8), (5, 16, 9), (32, 32, 32)])
def test_weights_are_monais(window):
    expected = compute_importance_map(window, mode="gaussian", sigma_scale=0.125)
    assert torch.allclose(gaussian_weights(window), expected)


def test_single_slice_weighs_nothing_along_its_axis():
    assert torch.equal(gaussian_weights((6, 1, 8))[:, 0], gaussian_weights((6, 8)))


def test_parts_come_as_soon_as_no_window_follows():
    taken = []

    def windows():
        for start in (0, 2, 4):
            taken.append(start)
            yield (start,), torch.full((1, 4), float(start))

    parts = WindowSums((4,), (8,), axis=0).means(windows())
    start, values = next(parts)
    assert (start, values.shape, taken) == (0, (1, 2), [0, 2])
    rest = [values for _, values in parts]
    found = torch.cat([values, *rest], dim=1)[0]
    weights = gaussian_weights((4,))
    assert found[:2].tolist() == [0, 0]
    expected = 2 * weights[0] / (weights[0] + weights[2])
    assert found[2].item() == pytest.approx(expected.item())
    assert found[6:].tolist() == [4, 4]
