"""The pictures of a report: which there are, in which order, and how to read them."""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from struct import unpack

CAPTIONS = {
    "roc": (
        "ROC curve",
        "Share of positives found against share of false alarms, for every threshold: the nearer"
        " the curve comes to the upper left corner the better; the dashed diagonal is chance, the"
        " dot the operating point.",
    ),
    "precision_recall": (
        "Precision\N{EN DASH}recall curve",
        "Of all alarms the share that is right, against the share of positives found: unlike the"
        " ROC curve it depends on how frequent positives are; the dotted line is chance.",
    ),
    "confusion_matrix": (
        "Confusion matrix",
        "Truth in rows, decision in columns: what is off the diagonal was decided wrongly.",
    ),
    "calibration": (
        "Calibration",
        "What became true of cases that were given about the same probability: on the dashed"
        " diagonal a probability can be taken at its word, below it the model claims too much.",
    ),
    "class_balance": (
        "Class balance",
        "How often each label holds in each split: they should be alike, unless there is a reason.",
    ),
    "overlays": (
        "Masks over their images",
        "The worst, the median and the best case by their mean Dice: filled is what was predicted,"
        " the line is the truth. Volumes are shown in the plane with most of their structures, as"
        " radiologists look at them: the patient\u2019s right is at the left.",
    ),
    "dice": (
        "Dice of each case",
        "A dot a case, the diamond is their median, the bar their middle half: a few very low dots"
        " are failures that a mean hides.",
    ),
    "volume_agreement": (
        "Agreement of sizes",
        "Predicted less true size against their mean: the line is the mean error, 95 % of the cases"
        " are expected between the dashed ones; a slope means that large structures are cut short.",
    ),
    "risk_groups": (
        "Survival of the risk groups",
        "Kaplan-Meier curves of the cases above and below the median risk of validation; bands are"
        " 95 % intervals over patients. The log-rank test compares the two.",
    ),
    "box_precision_recall": (
        "Precision and recall of boxes",
        "Of all boxes from a score on the share that is right, against the share of objects found:"
        " the nearer the curve comes to the upper right corner the better; the dot is the operating"
        " point. Where a curve ends, no score finds more.",
    ),
    "froc": (
        "FROC curve",
        "Share of objects found against false positives an image, on a scale on which each mark is"
        " twice the last; the band is the 95 % interval over patients. The mean of the seven marks"
        " is the CPM.",
    ),
    "box_mistakes": (
        "Worst misses and false positives",
        "Objects that are missed, first those that no box comes near and then by the score of the"
        " one that does, and false positives with the highest scores; yellow corners are around"
        " the one that is meant (of single boxes, those that fit worst). Dashed is the truth, grey"
        " where nothing counts. Volumes are shown in three planes through it, the patient\u2019s"
        " right at the left.",
    ),
    "point_mistakes": (
        "Cases with the largest mean distance",
        "A cross is where a point is marked, a ring where it was found; the three that are farthest"
        " off have numbers. Of volumes three planes through the worst one, the patient\u2019s right"
        " at the left; points more than 10 mm from a plane are faint.",
    ),
    "point_errors": (
        "Distance of each landmark",
        "A dot a case, the diamond is their median, the bar their middle half; dashed are 2 and 4."
        " The scale is logarithmic: dots far to the right are failures that a mean hides, or one"
        " landmark taken for another. Of more than 40, those that differ by a number share a row.",
    ),
    "point_curve": (
        "Share of points within so much",
        "The steeper the curve rises, the better; what differs between two people who mark the same"
        " image no network can learn. The mean shape of training looks at no image: what it reaches"
        " is no merit.",
    ),
    "point_confidence": (
        "Confidence and distance of points",
        "A dot a point: where the running median falls from left to right, confidence tells which"
        " points need a second look; where it is level, it tells nothing.",
    ),
    "measure_agreement": (
        "Measures, predicted and true",
        "On the left of each pair predicted against true, on the right their difference against"
        " their mean: the line is the mean difference, 95 % of the cases are expected between the"
        " dashed ones.",
    ),
    "learning_curves": (
        "Learning curves",
        "Loss and validation figures over the epochs: where validation turns while the training"
        " loss goes on falling, the model has begun to learn its training cases by heart; the"
        " dashed line is the epoch whose weights were kept.",
    ),
    "mistakes": (
        "Most confident mistakes",
        "The cases that were decided wrongly by the widest margin, with the places that spoke for"
        " the label in colour (Grad-CAM; of slides attention): look for what they share, and for"
        " wrong labels.",
    ),
    "attention": (
        "What tiles count for",
        "Slides that show a label and were given the highest probability of it: the brighter a tile"
        " the more it counted for the decision (with mean and max pooling: the higher it scores"
        " alone), beside the first of its slide. Where there are features and no slides, a row of"
        " stripes is a tile, and each stripe a feature.",
    ),
    "attention_tiles": (
        "Tiles by what they count for",
        "Tiles of such slides that counted most, and that counted least, with what they counted"
        " for: do the first show what a pathologist would go by, or pen, folds and dirt?",
    ),
}
"""Title and caption by file name, in the order of the report."""
SCALE = 0.6
"""Pixels of the page for each pixel of a picture, so that all have letters of one size."""
WITH_IMAGES = (
    *("mistakes", "overlays", "box_mistakes", "point_mistakes"),
    *("attention", "attention_tiles"),
)
"""Those that show images of patients."""
OF_SEGMENTERS = ("overlays", "dice", "volume_agreement")
"""Those that only a segmenter has."""
OF_DETECTORS = ("box_precision_recall", "froc", "box_mistakes")
"""Those that only a detector has."""
OF_LANDMARKERS = (
    *("point_mistakes", "point_errors", "point_curve", "point_confidence"),
    "measure_agreement",
)
"""Those that only a landmarker has."""
OF_SURVIVAL = ("risk_groups",)
"""Those that only a model of survival has."""
NOT_OF_CLASSIFIERS = (*OF_SEGMENTERS, *OF_DETECTORS, *OF_LANDMARKERS, *OF_SURVIVAL)
"""Those that no classifier has."""


@dataclass(frozen=True)
class Illustration:
    """A picture with its title and caption; ``source`` is a data URI, ``width`` in CSS pixels."""

    title: str
    caption: str
    source: str
    width: int


def pictures(folder: Path) -> dict[str, bytes]:
    """The PNG files of a run by name: those that the report knows, then any others."""
    there = {path.stem: path for path in sorted(folder.glob("*.png"))}
    names = [name for name in CAPTIONS if name in there]
    names += [name for name in there if name not in CAPTIONS]
    return {name: there[name].read_bytes() for name in names}


def illustrations(images: Mapping[str, bytes]) -> Iterator[Illustration]:
    """Pictures as the page shows them."""
    for name, png in images.items():
        title, caption = CAPTIONS.get(name, (name.replace("_", " ").capitalize(), ""))
        source = f"data:image/png;base64,{b64encode(png).decode()}"
        (pixels,) = unpack(">I", png[16:20])
        yield Illustration(title, caption, source, round(SCALE * pixels))
