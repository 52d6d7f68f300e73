import numpy as np
import pytest
from monai.transforms import KeepLargestConnectedComponent, RemoveSmallObjects
from scipy import ndimage

from datamodules.batches import UNKNOWN
from lightning_modules.metrics.clean_up import (
    KEEP_ALL,
    LARGEST_ONLY,
    CleanUp,
    choose_clean_up,
    clean_up,
    score_clean_up,
)
from lightning_modules.metrics.overlap import count_overlap

NAMES = ("liver", "spleen")
RULES = (KEEP_ALL, LARGEST_ONLY, CleanUp(largest_only=False, smallest=0.012))
VOXEL = 0.001


def draw(seed, overlapping=False, shape=(16, 14, 12)):
    noise = np.random.default_rng(seed).normal(size=(2, *shape))
    smooth = ndimage.gaussian_filter(noise, (0, 1.5, 1.5, 1.5)[: noise.ndim]) > 0.12
    if overlapping:
        return smooth.astype(np.uint8)
    return np.where(smooth[0], 1, np.where(smooth[1], 2, 0))[None].astype(np.uint8)


def inside(mask, index):
    return mask[0] == index + 1 if len(mask) == 1 else mask[index] == 1


@pytest.mark.parametrize("overlapping", [False, True])
@pytest.mark.parametrize("shape", [(16, 14, 12), (20, 18)])
def test_the_largest_component_is_that_of_monai(overlapping, shape):
    mask = draw(0, overlapping, shape)
    cleaned = clean_up(mask, NAMES, {"spleen": LARGEST_ONLY}, VOXEL)
    expected = KeepLargestConnectedComponent(connectivity=len(shape))(inside(mask, 1)[None])[0]
    np.testing.assert_array_equal(inside(cleaned, 1), expected)
    np.testing.assert_array_equal(inside(cleaned, 0), inside(mask, 0))


@pytest.mark.filterwarnings("ignore:Parameter `min_size`:FutureWarning")
def test_small_components_go_as_with_monai():
    mask = draw(0)
    cleaned = clean_up(mask, NAMES, {"liver": RULES[2]}, VOXEL)
    remove = RemoveSmallObjects(min_size=12, connectivity=3, independent_channels=True)
    expected = remove(inside(mask, 0)[None].astype(np.uint8))[0]
    np.testing.assert_array_equal(inside(cleaned, 0), expected > 0)
    assert inside(mask, 0).sum() > inside(cleaned, 0).sum() > 0


@pytest.mark.parametrize("overlapping", [False, True])
def test_counts_are_those_of_the_cleaned_masks(overlapping):
    prediction, truth = draw(0, overlapping), draw(1, overlapping)
    truth[:, 7] = UNKNOWN
    scored = score_clean_up(prediction, truth, NAMES, RULES, VOXEL)
    for number, rule in enumerate(RULES):
        cleaned = clean_up(prediction, NAMES, dict.fromkeys(NAMES, rule), VOXEL)
        counts = count_overlap(cleaned, truth, 2)
        assert [scored[name][number] for name in NAMES] == [list(each[:3]) for each in counts]


def test_an_empty_mask_stays_empty():
    empty, truth = np.zeros((1, 6, 6), dtype=np.uint8), np.ones((1, 6, 6), dtype=np.uint8)
    rules = dict.fromkeys(NAMES, LARGEST_ONLY)
    np.testing.assert_array_equal(clean_up(empty, NAMES, rules, VOXEL), empty)
    assert score_clean_up(empty, truth, NAMES, RULES, VOXEL)["liver"] == [[0, 0, 36]] * 3


def test_masks_are_not_changed():
    mask = draw(0)
    before = mask.copy()
    clean_up(mask, NAMES, dict.fromkeys(NAMES, LARGEST_ONLY), VOXEL)
    np.testing.assert_array_equal(mask, before)


def test_the_rule_with_the_best_mean_dice_is_chosen():
    cases = [
        {"liver": [[80, 40, 0], [80, 0, 0], [80, 10, 0]], "spleen": [[5, 0, 0], [3, 0, 2]] * 2},
        {"liver": [[80, 5, 9], [60, 0, 29], [80, 4, 9]], "spleen": [[5, 1, 0], [5, 1, 0]] * 2},
    ]
    assert choose_clean_up([{"liver": case["liver"]} for case in cases], RULES) == {
        "liver": RULES[2]
    }
    kept = [{"spleen": case["spleen"][:2]} for case in cases]
    assert choose_clean_up(kept, RULES[:2]) == {}


def test_what_changes_nothing_is_left_alone():
    assert choose_clean_up([{"liver": [[8, 2, 1]] * 3}], RULES) == {}


def test_clearing_a_false_alarm_counts_for_a_rule():
    cases = [{"liver": [[0, 5, 0], [0, 5, 0], [0, 0, 0]]}, {"liver": [[9, 0, 0]] * 3}]
    assert choose_clean_up(cases, RULES) == {"liver": RULES[2]}


def test_without_cases_nothing_is_chosen():
    assert choose_clean_up([], RULES) == {}
