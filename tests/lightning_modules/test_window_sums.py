import pytest
import torch
from fakes.full_device import FullDevice
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


VALUES = torch.arange(24.0).reshape(2, 4, 3)
WINDOWS = [(start, VALUES * (start + 1) ** 0.5) for start in (0, 1, 3, 5)]


def means_of(windows, fails_at=None):
    """The whole of 9 voxels that windows of 4 cover, and whether memory ran out on the way."""
    sums = WindowSums((4, 3), (9, 3), axis=0)
    with FullDevice(fails_at) as device:
        parts = list(sums.means(((at, 0), values) for at, values in windows))
    return torch.cat([values.cpu() for _, values in parts], dim=1), device.has_failed, parts


def test_memory_that_runs_out_anywhere_changes_no_value():
    expected, _, _ = means_of(WINDOWS)
    failures = 0
    while (found := means_of(WINDOWS, fails_at=failures))[1]:
        assert torch.equal(found[0], expected)
        failures += 1
    assert failures == 2 + 4  # sums, totals, and the four parts that are handed out


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("fails_at", range(6))
def test_sums_are_on_the_cpu_once_the_gpu_is_full(fails_at):
    windows = [(at, values.cuda()) for at, values in WINDOWS]
    found, _, parts = means_of(windows, fails_at)
    assert parts[-1][1].device.type == "cpu"
    assert torch.allclose(found, means_of(WINDOWS)[0])
