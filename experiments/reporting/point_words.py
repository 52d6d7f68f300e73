"""Names of the figures of landmarks, and what they mean."""

UNITS = {"mm": "mm", "px": "pixels"}
WITHIN = {"2": "2", "2_5": "2.5", "3": "3", "4": "4"}

NAMES_OF_POINTS = {"confidence_correlation": "Rank correlation of confidence and distance"} | {
    name.format(unit): f"{text}, {word}"
    for unit, word in UNITS.items()
    for name, text in {
        "mre_{}": "Mean radial error",
        "median_{}": "Median distance",
        "sd_{}": "SD of distances",
        "p95_{}": "95th percentile of distances",
        "mre_{}_of_mean_shape": "Mean radial error of the mean shape",
        "mre_{}_below_mean_shape": "Mean radial error below that of the mean shape",
        "mre_{}_confident_half": "Mean radial error of the confident half",
        "mre_{}_doubtful_half": "Mean radial error of the doubtful half",
    }.items()
}
NAMES_OF_POINTS |= {
    f"sdr_{near}{unit}": f"Share within {text} {word}"
    for unit, word in UNITS.items()
    for near, text in WITHIN.items()
}
MEANINGS_OF_POINTS = {
    "confidence_correlation": "Spearman\u2019s over all points; -1: the surer, the nearer",
} | {
    name.format(unit): text
    for unit in UNITS
    for name, text in {
        "mre_{}": "distance from where they were marked, mean over all points of all {case}s",
        "median_{}": "half of the points are nearer than this",
        "sd_{}": "how much the distances of points differ",
        "p95_{}": "one point in twenty is farther off",
        "mre_{}_of_mean_shape": "of the mean places of training, the same on each {case}: a"
        " baseline",
        "mre_{}_below_mean_shape": "how much nearer the network is than the mean shape of training",
        "mre_{}_confident_half": "of the half of all points that the network is surer of",
        "mre_{}_doubtful_half": "of the half of all points that the network is less sure of",
    }.items()
}
MEANINGS_OF_POINTS |= {
    f"sdr_{near}{unit}": f"share of points at most {text} {word} from where they were marked"
    for unit, word in UNITS.items()
    for near, text in WITHIN.items()
}
"""``mre_px`` where there is a spacing too is in pixels (voxels) of the file."""
OF_MEASURE = {
    "mae": ("mean absolute error", "mean difference of predicted and true, without its sign"),
    "bias": ("bias", "mean of predicted less true; 0 is best"),
    "icc": ("ICC", "agreement of predicted and true, ICC(2,1); 1 is best"),
}
READER = "reader_"


def point_name(metric: str) -> str | None:
    """Name of a figure against another reader, or of a measure; None: it is neither."""
    kind, at, reader = metric.partition("@")
    if at and kind.removeprefix(READER) in NAMES_OF_POINTS:
        name, comma, unit = NAMES_OF_POINTS[kind.removeprefix(READER)].partition(", ")
        of = "from" if comma and not kind.startswith(READER) else "of"
        return f"{name} {of} {reader}{comma}{unit}"
    measure, _, of = metric.rpartition("_")
    return f"{measure}, {OF_MEASURE[of][0]}" if measure and of in OF_MEASURE else None


def point_meaning(metric: str) -> str:
    """What a figure says; nothing where it is none of landmarks."""
    kind, at, reader = metric.partition("@")
    if at and kind.startswith(READER):
        return f"distance of what {reader} marked from the truth, on the points that both marked"
    if at:
        text = MEANINGS_OF_POINTS.get(kind, "")
        return text.replace("where they were marked", f"where {reader} marked them")
    measure, _, of = metric.rpartition("_")
    if measure and of in OF_MEASURE:
        return OF_MEASURE[of][1]
    return MEANINGS_OF_POINTS.get(metric, "")
