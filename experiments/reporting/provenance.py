"""How a model was trained, and on what: the settings and the environment that a reader asks for."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from callbacks.metrics_log import read_metrics
from experiments.experiment import Experiment
from experiments.reporting.metric_words import in_sentence
from experiments.reporting.tables import revision_text
from experiments.reporting.task_words import describe_task
from experiments.reporting.words import counted, number
from experiments.run_folder import RunFolder
from lightning_modules.metrics.directions import lower_is_better

Facts = Mapping[str, Any]
Pair = tuple[str, str]

SHOWN_PACKAGES = ("lightbox", "torch", "pytorch-lightning", "monai", "timm", "numpy")
PRECISIONS = {"32": "32 bit", "bf16-mixed": "bfloat16 and 32 bit", "16-mixed": "16 and 32 bit"}


def training_facts(folder: RunFolder, facts: Facts) -> list[Pair]:
    """Network, data, loss, optimizer, epochs, as name and text."""
    experiment = folder.experiment()
    return [
        *describe_task(experiment, facts),
        ("Optimizer", _optimizer(facts["optimizer"])),
        ("Epochs", _epochs(folder, experiment, facts["monitor"])),
        ("Precision", _precision(experiment)),
        ("Seed", str(experiment.seed)),
        *_time(folder),
        *_memory(facts),
    ]


def _optimizer(config: Facts) -> str:
    encoder = f" (encoder {config['encoder_lr']:g})" if config.get("encoder_lr") else ""
    schedule = config["schedule"]
    return (
        f"{config['kind']}, learning rate {config['lr']:g}{encoder},"
        f" weight decay {config['weight_decay']:g}; {schedule['kind']} schedule after"
        f" {counted(schedule['warmup_steps'], 'step')} of warm-up"
    )


def _epochs(folder: RunFolder, experiment: Experiment, monitor: str) -> str:
    values = {
        row["epoch"]: row["values"][f"val/{monitor}"]
        for row in read_metrics(folder.metrics_log)
        if f"val/{monitor}" in row["values"]
    }
    if not values:
        return f"at most {experiment.trainer.max_epochs}"
    best = (min if lower_is_better(monitor) else max)(values, key=values.__getitem__)
    return (
        f"{max(values) + 1} of at most {experiment.trainer.max_epochs}; the weights are those after"
        f" epoch {best + 1}, which validated best ({in_sentence(monitor)} {number(values[best])})"
    )


def _precision(experiment: Experiment) -> str:
    trainer = experiment.trainer
    average = (
        f", moving average of the weights ({trainer.ema_decay:g})" if trainer.ema_decay else ""
    )
    return f"{PRECISIONS[trainer.precision]}{average}"


def _time(folder: RunFolder) -> Iterator[Pair]:
    """Time between the first and the last logged row of each attempt."""
    times: dict[int, list[float]] = {}
    for row in read_metrics(folder.metrics_log):
        times.setdefault(row["attempt"], []).append(row["time"])
    seconds = sum(max(each) - min(each) for each in times.values())
    if seconds:
        text = f"{seconds / 3600:.1f} h" if seconds >= 5400 else f"{seconds / 60:.1f} min"
        yield "Training time", text + (f" in {len(times)} attempts" if len(times) > 1 else "")


def _memory(facts: Facts) -> Iterator[Pair]:
    held = facts.get("peak_memory_gib", {})
    if held:
        gpu = f", {held['gpu']:g} GiB of the GPU" if "gpu" in held else ""
        yield "Peak memory", f"{held['process']:g} GiB of the main process{gpu}"


def environment_facts(folder: RunFolder) -> list[Pair]:
    """Code, packages and hardware of the last attempt; no command line, as it names paths."""
    if not folder.environment_file.exists():
        return []
    attempts: Sequence[Facts] = json.loads(folder.environment_file.read_text())["attempts"]
    last = attempts[-1]
    installed = {name: last["packages"].get(name) for name in SHOWN_PACKAGES}
    packages = [f"{name} {version}" for name, version in installed.items() if version]
    gpus = ", ".join(last["gpus"]) or "no GPU"
    return [
        ("Run", folder.name),
        ("Revision", revision_text(last["revision"])),
        ("Packages", f"Python {last['python']}, {', '.join(packages)}"),
        ("Hardware", f"{gpus}; {last['cpu_cores']} CPU cores, {last['memory_gib']:g} GiB"),
        ("System", last["platform"]),
        ("Attempts", str(len(attempts))),
    ]
