"""What a run found, in sentences; and what its reader should be careful about."""

from collections.abc import Iterator, Mapping
from typing import Any

from experiments.experiment import Experiment
from experiments.reporting.figure_kinds import subject_of
from experiments.reporting.metric_words import in_sentence
from experiments.reporting.point_tables import summary_of_points
from experiments.reporting.words import (
    SPLITS,
    THIN,
    FigureDict,
    counted,
    in_words,
    listed,
    percent,
    quoted,
    short,
)
from lightning_modules.configs.classifier import ClassifierConfig

Facts = Mapping[str, Any]
Figures = Mapping[str, FigureDict]

FEW = 50
"""Cases of a class below which a reader is told."""


def summary(figures: Figures, facts: Facts, split: str) -> str:
    """One paragraph that says who was tested, how well ranking is, and what the decisions do."""
    labels = facts["labels"]
    if subject_of(facts) == "points":
        sentences = [summary_of_points(figures)]
    elif labels is None:
        sentences = [_of_any_task(figures, facts)]
    elif labels["exclusive"]:
        sentences = [_of_classes(figures, facts, split)]
    elif len(labels["names"]) == 1:
        sentences = [_of_one_label(figures, facts), *_decisions(figures, facts, split)]
    else:
        sentences = list(_of_labels(figures, labels))
    return f"On {_cases(facts, split)}, " + " ".join(sentences)


def _cases(facts: Facts, split: str) -> str:
    counts = facts["splits"][split]
    noun = f"{SPLITS[split].lower()} {facts['case']}"
    patients = counted(counts["patients"], "patient")
    of_whom = f" of {patients}" if facts["dataset"]["has_patients"] else ""
    return f"{counted(counts['cases'], noun)}{of_whom}"


def _of_any_task(figures: Figures, facts: Facts) -> str:
    names = [name for name in facts["headline"] if name in figures]
    names = names or [name for name in figures if "/" not in name][:3]
    return f"the model reaches {listed([_figure(name, figures[name]) for name in names])}."


def _figure(name: str, figure: FigureDict) -> str:
    return f"{in_sentence(name)} {in_words(figure)}"


def _of_one_label(figures: Figures, facts: Facts) -> str:
    labels = facts["labels"]
    label, other = quoted(labels["names"][0]), labels["negative"]
    against = quoted(other) if other else f"{facts['case']}s without it"
    apart = f"{label if other else facts['case'] + 's with ' + label} from {against}"
    figure = figures["auroc"]
    if figure["value"] is None:
        return f"the AUROC of {label} is {in_words(figure)}."
    return f"the model tells {apart} with an AUROC of {in_words(figure)}."


def _decisions(figures: Figures, facts: Facts, split: str) -> Iterator[str]:
    """What the operating point means in numbers of cases."""
    for matrix in facts["confusion"].get(split, ()):
        (spared, alarms), (missed, found) = matrix["counts"]
        positives, negatives = found + missed, alarms + spared
        label = quoted(matrix["label"])
        parts = []
        if positives:
            range_ = _range(figures.get("sensitivity@operating_point"))
            parts.append(
                f"finds {found} of {counted(positives, facts['case'])} with {label}"
                f" ({percent(found, positives)}{range_})"
            )
        if negatives:
            parts.append(
                f"raises a false alarm in {alarms} of {negatives} without"
                f" ({percent(alarms, negatives)})"
            )
        if parts:
            yield f"At the operating point chosen on validation it {listed(parts)}."


def _range(figure: FigureDict | None) -> str:
    if figure is None or figure["low"] is None:
        return ""
    return f"; 95{THIN}% CI {100 * figure['low']:.0f} to {100 * figure['high']:.0f}{THIN}%"


def _of_labels(figures: Figures, labels: Facts) -> Iterator[str]:
    known = {name: figures[f"auroc/{name}"]["value"] for name in labels["names"]}
    values = {name: value for name, value in known.items() if value is not None}
    mean = in_words(figures["auroc"])
    if len(values) == len(known):
        yield f"the mean AUROC over {len(known)} labels is {mean}."
    else:
        have = f"{len(values)} of {len(known)} labels that have one"
        yield f"the mean AUROC over the {have} is {mean}."
    if len(values) > 1:
        best, worst = max(values, key=values.__getitem__), min(values, key=values.__getitem__)
        yield (
            f"It is highest for {quoted(best)} ({short(values[best])})"
            f" and lowest for {quoted(worst)} ({short(values[worst])})."
        )
    at_point = ("sensitivity@operating_point", "specificity@operating_point")
    if all(name in figures for name in at_point):
        found, spared = (in_words(figures[name]) for name in at_point)
        yield (
            "At the operating points chosen on validation, mean sensitivity is"
            f" {found} and mean specificity {spared}."
        )


def _of_classes(figures: Figures, facts: Facts, split: str) -> str:
    (matrix,) = facts["confusion"][split]
    right = sum(row[index] for index, row in enumerate(matrix["counts"]))
    total = sum(map(sum, matrix["counts"]))
    return (
        f"the model names the right one of {len(matrix['classes'])} classes in {right} of {total}"
        f" ({percent(right, total)}{_range(figures['accuracy'])}). Balanced accuracy is"
        f" {in_words(figures['balanced_accuracy'])}; the mean AUROC of one class against the rest"
        f" is {in_words(figures['auroc'])}."
    )


def cautions(facts: Facts, split: str) -> Iterator[str]:
    """What a reader must know before believing the figures."""
    cases = f"{facts['case']}s"
    if split != "test":
        yield (
            f"No test set was held out. All results are of the validation {cases}, on which the"
            " weights and the operating point were chosen: they are optimistic."
        )
    if not facts["dataset"]["has_patients"]:
        yield (
            f"The dataset does not say which {cases} are of one patient. Each counts as a patient"
            " of its own; if some are not, intervals are too narrow, and a patient may be in"
            " training and test alike."
        )
    yield from _rarest(facts, split)


def _rarest(facts: Facts, split: str) -> Iterator[str]:
    """Say so where a class has hardly any case to be tested on."""
    sizes = {}
    for label, counts in facts["splits"][split]["labels"].items():
        sizes[label, "positive"] = counts["positive"]
        if not facts["labels"]["exclusive"]:
            sizes[label, "negative"] = counts["known"] - counts["positive"]
    if not sizes or min(sizes.values()) >= FEW:
        return
    label, side = min(sizes, key=sizes.__getitem__)
    size, noun = sizes[label, side], f"{SPLITS[split].lower()} {facts['case']}"
    if not size:
        yield f"No {noun} is {side} for {quoted(label)}: what needs one cannot be known."
        return
    verb = "is" if size == 1 else "are"
    few = f"Only {counted(size, noun)} {verb} {side} for {quoted(label)}"
    yield f"{few}: what rests on so few is uncertain."


def operating_rule(facts: Facts, experiment: Experiment) -> str:
    """How decisions are made from probabilities."""
    labels = facts["labels"]
    if labels is None:
        return ""
    if labels["exclusive"]:
        return "The class with the highest probability is taken; there is no threshold to choose."
    assert isinstance(experiment.task, ClassifierConfig)
    config = experiment.task.operating_point
    if config.kind == "fixed":
        return "A label is called present from a threshold that was given beforehand."
    rule = "the one with the largest sum of sensitivity and specificity (Youden\u2019s index)"
    if config.kind == "target-sensitivity":
        rule = f"the highest one that reaches a sensitivity of {config.sensitivity:g}"
    frozen = f" It was frozen before the test {facts['case']}s were opened."
    return (
        "A label is called present when its probability reaches its threshold: of the validation"
        f" {facts['case']}s\u2019 probabilities, {rule}.{frozen * ('test' in facts['splits'])}"
    )


def limits(facts: Facts, samples: int) -> Iterator[str]:
    """What the figures do not say."""
    resampled = "patients" if facts["dataset"]["has_patients"] else f"{facts['case']}s"
    yield "This is a research result. It is not a medical device and must not guide care."
    yield (
        f"Intervals are 95{THIN}% percentile intervals of {samples:,} bootstrap samples of"
        f" {resampled}. They tell how much the results depend on who happened to be tested; not how"
        " they would change with another training run, or in another hospital."
    )
    if facts["labels"]:
        yield (
            "The calibration error (ECE) comes out larger in bootstrap samples than in the data, so"
            " that its interval may lie above its value."
        )
        yield (
            "PPV and NPV hold for the share of positives in this dataset only; where a finding is"
            " rarer, fewer alarms are right."
        )
    if facts["subgroups"]:
        yield (
            "Subgroup results are many comparisons of few cases: a difference may be chance, and"
            " nothing is corrected for that."
        )
    yield (
        "The labels are taken as the dataset gives them. How they were made, and how often they are"
        " wrong, is not examined here."
    )
