"""Names of figures, and what they mean, as a reader of the report wants to see them."""

from typing import Literal

from experiments.reporting.point_words import NAMES_OF_POINTS, point_meaning, point_name

AT_OPERATING_POINT = "@operating_point"

NAMES = {
    "auroc": "AUROC",
    "average_precision": "Average precision",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "quadratic_kappa": "Quadratic kappa",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "PPV",
    "npv": "NPV",
    "f1": "F1",
    "brier": "Brier score",
    "log_loss": "Log-loss",
    "ece": "Calibration error (ECE)",
    "dice": "Dice",
    "dice_pooled": "Dice, all voxels pooled",
    "iou": "IoU (Jaccard)",
    "precision": "Precision",
    "surface_dice": "Surface Dice",
    "hd95_mm": "HD95, mm",
    "hd95_px": "HD95, pixels",
    "assd_mm": "ASSD, mm",
    "assd_px": "ASSD, pixels",
    "hd95_mm_with_failures": "HD95 with failures, mm",
    "hd95_px_with_failures": "HD95 with failures, pixels",
    "assd_mm_with_failures": "ASSD with failures, mm",
    "assd_px_with_failures": "ASSD with failures, pixels",
    "volume_error_ml": "Volume error, ml",
    "volume_error_px": "Volume error, voxels",
    "area_error_mm2": "Area error, mm\u00b2",
    "area_error_px": "Area error, pixels",
    "cldice": "Centreline Dice",
    "cldice_pooled": "Centreline Dice, pooled",
    "failures": "Failures",
    "map_50": "mAP at IoU 0.5",
    "map_75": "mAP at IoU 0.75",
    "map_50_95": "mAP at IoU 0.5 to 0.95",
    "map_10": "mAP at IoU 0.1",
    **{
        f"map_{iou}_{size}": f"mAP at IoU 0.{iou[0]}, {size}"
        for iou in ("10", "50")
        for size in ("small", "medium", "large")
    },
    "froc_cpm": "Mean FROC sensitivity (CPM)",
    **{
        f"sensitivity@{rate}fp": f"Sensitivity at {rate} FP"
        for rate in ("0.125", "0.25", "0.5", "1", "2", "4", "8")
    },
    "false_positives_per_image": "False positives an image",
    "c_index": "C-index (Harrell)",
    "integrated_brier": "Integrated Brier score",
    "nll_loss": "Negative log-likelihood",
    "log_rank_p": "Log-rank p, high against low risk",
    "iou_of_mean_box": "IoU of the mean box of training",
    "iou_above_mean_box": "IoU above that of the mean box",
    "iou_above_50": "Share with IoU of 0.5 or more",
    "iou_above_75": "Share with IoU of 0.75 or more",
    "centre_distance_mm": "Distance of centres, mm",
    "centre_distance_px": "Distance of centres, pixels",
    **NAMES_OF_POINTS,
}
MEANINGS = {
    "auroc": "chance that a positive {case} scores above a negative one",
    "average_precision": "area under precision\N{EN DASH}recall; chance alone gives the prevalence",
    "accuracy": "share of right decisions",
    "balanced_accuracy": "mean of sensitivity and specificity",
    "sensitivity": "share of positive {case}s that are called positive",
    "specificity": "share of negative {case}s that are called negative",
    "ppv": "share of positive calls that are right",
    "npv": "share of negative calls that are right",
    "f1": "harmonic mean of sensitivity and PPV",
    "brier": "mean squared error of the probability; 0 is best",
    "log_loss": "penalty for confidence in what is wrong; 0 is best",
    "ece": "mean gap between probability and observed share; 0 is best",
    "c_index": "chance that of two {case}s the one with the higher risk has the event first",
    "integrated_brier": "mean squared error of predicted survival over time; 0 is best",
    "nll_loss": "of what happened, under the predicted hazards; lower is better",
    "log_rank_p": "chance of such a difference if both groups lived alike",
}
MEANINGS_OF_CLASSES = {
    "auroc": "one class against the rest, mean over classes",
    "average_precision": "one class against the rest, mean over classes",
    "accuracy": "share of {case}s given the right class",
    "balanced_accuracy": "mean over classes of the share found",
    "quadratic_kappa": "agreement on the grade beyond chance, the farther off the worse; 1 is best",
    "ece": "mean gap between probability and observed share; 0 is best",
}
MEANINGS_OF_MASKS = {
    "dice": "overlap of prediction and truth, mean over {case}s; 1 is best",
    "dice_pooled": "overlap of all voxels of all {case}s together",
    "iou": "intersection over union, mean over {case}s",
    "sensitivity": "share of the structure that is found",
    "specificity": "share of the rest that is left alone",
    "precision": "share of the prediction that is right",
    "surface_dice": "share of both surfaces that lie within the tolerance of one another",
    "hd95_mm": "largest distance of surfaces, but for the worst twentieth",
    "hd95_px": "largest distance of outlines, but for the worst twentieth",
    "assd_mm": "mean distance of surfaces",
    "assd_px": "mean distance of outlines",
    "failures": "structures that are missed altogether, or found where there are none",
    "cldice": "overlap of the centrelines of vessels",
}
MEANINGS_OF_BOXES = {
    "map_50": "average precision of boxes that overlap by half, mean over classes; 1 is best",
    "map_75": "likewise, of boxes that overlap by three quarters",
    "map_50_95": "likewise, mean over overlaps from 0.5 to 0.95: rewards boxes that fit tightly",
    "map_10": "average precision of boxes that overlap by a tenth, mean over classes; 1 is best",
    "froc_cpm": "mean sensitivity at 1/8 to 8 false positives a {case}",
    **{
        f"sensitivity@{rate}fp": f"share of objects found with {rate} false positives a {{case}}"
        for rate in ("0.125", "0.25", "0.5", "1", "2", "4", "8")
    },
    "sensitivity": "share of objects that are found, at the operating point",
    "precision": "share of boxes that are right, at the operating point",
    "f1": "harmonic mean of sensitivity and precision, at the operating point",
    "false_positives_per_image": "of all classes together, at the operating point",
    "iou": "overlap of the box with the true one, mean over {case}s; 1 is best",
    "iou_of_mean_box": "overlap of the mean box of training with the true one: a baseline",
    "iou_above_mean_box": "how much more the network's box overlaps than the mean box of training",
    "iou_above_50": "share of {case}s whose box overlaps by half",
    "iou_above_75": "share of {case}s whose box overlaps by three quarters",
    "centre_distance_mm": "between the middles of the box and the true one; 0 is best",
    "centre_distance_px": "between the middles of the box and the true one; 0 is best",
}
Subject = Literal["labels", "classes", "masks", "boxes", "points"]
"""What figures are of: labels that hold or not, one of several classes, masks, boxes, points."""


def metric_name(name: str) -> str:
    """Name of a figure for a reader, without its label: ``f1@operating_point`` is F1."""
    metric = name.partition("/")[0].removesuffix(AT_OPERATING_POINT)
    return NAMES.get(metric) or point_name(metric) or metric.replace("_", " ")


def in_sentence(name: str) -> str:
    """A figure's name inside a sentence: small letters, but for acronyms."""
    text = metric_name(name)
    first = text.partition(" ")[0]
    is_name = not first[1:].islower() and len(first) > 1  # AUROC, IoU, F1
    return text if is_name else text[:1].lower() + text[1:]


def meaning(name: str, case: str, subject: Subject = "labels") -> str:
    """What a figure says, in a few words; nothing for a metric of somebody's own."""
    metric = name.partition("/")[0].removesuffix(AT_OPERATING_POINT)
    if subject == "points":
        return point_meaning(metric).replace("{case}", case)
    texts = {"labels": MEANINGS, "classes": MEANINGS_OF_CLASSES, "masks": MEANINGS_OF_MASKS}
    texts["boxes"] = MEANINGS_OF_BOXES
    text = texts[subject].get(metric, "").format(case=case)
    decisions = ("accuracy", "balanced_accuracy", "sensitivity", "specificity")
    if subject != "labels" or metric not in decisions:
        return text
    return f"{text}, at {'the operating point' if name.endswith(AT_OPERATING_POINT) else '0.5'}"
