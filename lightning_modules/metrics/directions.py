"""Which metrics are better when they are lower."""

RADIAL_ERRORS = frozenset(
    f"{name}_{unit}{of}"
    for name in ("mre", "median", "sd", "p95", "reader_mre")
    for unit in ("mm", "px")
    for of in ("", "_of_mean_shape", "_confident_half", "_doubtful_half")
)
"""Of landmarks; a few of these names are never used."""
LOWER_IS_BETTER = RADIAL_ERRORS | frozenset(
    {
        "area_error_mm2",
        "area_error_px",
        "assd_mm",
        "assd_mm_with_failures",
        "assd_px",
        "assd_px_with_failures",
        "brier",
        "centre_distance_mm",
        "centre_distance_px",
        "confidence_correlation",
        "ece",
        "failures",
        "false_positives_per_image",
        "hd95_mm",
        "hd95_mm_with_failures",
        "hd95_px",
        "hd95_px_with_failures",
        "integrated_brier",
        "log_loss",
        "log_rank_p",
        "loss",
        "mae",
        "mse",
        "volume_error_ml",
        "volume_error_px",
    }
)
"""All other metrics are better when they are higher."""

STAGES = ("train", "val", "test", "predict")


def lower_is_better(name: str) -> bool:
    """Whether a smaller value of a metric is the better one.

    Args:
        name: With or without a stage, a label and a decision rule: ``log_loss``, ``val/log_loss``,
            ``auroc/Nodule``, ``sensitivity@operating_point/Nodule``. Whatever ends in ``loss``,
            ``error`` or ``_mae`` is better when lower; an unknown metric is better when higher.
    """
    stage, _, rest = name.partition("/")
    metric = (rest if stage in STAGES and rest else name).partition("/")[0].partition("@")[0]
    return metric in LOWER_IS_BETTER or metric.endswith(("loss", "error", "_mae"))
