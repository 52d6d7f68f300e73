import pytest

from lightning_modules.metrics.classification import EPOCH_FIGURES
from lightning_modules.metrics.directions import lower_is_better


@pytest.mark.parametrize(
    "name",
    [
        *("val/log_loss", "log_loss", "brier", "ece/Nodule", "test/brier/Nodule", "train/loss"),
        *("val/hd95_mm", "mre_mm", "mae", "val/dice_loss", "loss/dice", "volume_error_ml"),
        *("assd_mm/liver", "hd95_px_with_failures", "area_error_mm2", "failures/liver"),
        *("centre_distance_px/heart", "false_positives_per_image@operating_point/cell"),
        *("mre_mm@junior/base", "reader_mre_px@junior", "median_px", "p95_mm/base", "ctr_mae"),
        *("mre_mm_of_mean_shape", "mre_mm_doubtful_half", "confidence_correlation"),
    ],
)
def test_errors_and_losses_are_better_when_lower(name):
    assert lower_is_better(name)


@pytest.mark.parametrize(
    "name",
    [
        *("auroc", "val/auroc", "auroc/Nodule", "val/auroc/loss", "f1@operating_point/ece", "dice"),
        *("psnr_db", "map_50", "sdr_2mm", "surface_dice", "sensitivity@operating_point"),
        *("froc_cpm", "sensitivity@1fp/cell", "iou_above_50", "map_50_small"),
        *("mre_mm_below_mean_shape", "sdr_2_5mm@junior", "ctr_icc"),
    ],
)
def test_other_figures_are_better_when_higher(name):
    assert not lower_is_better(name)


def test_figures_of_an_epoch_split_into_four_errors_and_six_scores():
    assert [name for name in EPOCH_FIGURES if lower_is_better(name)] == ["log_loss", "brier", "ece"]
