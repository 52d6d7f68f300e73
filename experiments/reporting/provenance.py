"""How a model was trained, and on what: the settings and the environment that a reader asks for."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from callbacks.metrics_log import read_metrics
from datamodules.configs.xrays import XraysConfig
from experiments.experiment import Experiment
from experiments.reporting.tables import revision_text
from experiments.reporting.words import THIN, counted, in_sentence, number, plain
from experiments.run_folder import RunFolder
from experiments.task_kinds.segmentation import settings_of as segmentation_settings
from experiments.task_kinds.xray_classification import settings_of
from lightning_modules.metrics.directions import lower_is_better

Facts = Mapping[str, Any]
Pair = tuple[str, str]

SHOWN_PACKAGES = ("lightbox", "torch", "pytorch-lightning", "monai", "timm", "numpy")
PRECISIONS = {"32": "32 bit", "bf16-mixed": "bfloat16 and 32 bit", "16-mixed": "16 and 32 bit"}
WEIGHTS = {True: "from published weights", False: "from scratch"}
KINDS = {"timm": "", "attention-map": "attention map on ", "two-stream": "two streams of "}
ENCODER = {"full": "", "frozen": ", encoder frozen", "gradual": ", encoder unfrozen gradually"}


def training_facts(folder: RunFolder, facts: Facts) -> list[Pair]:
    """Network, data, loss, optimizer, epochs, as name and text."""
    experiment = folder.experiment()
    return [
        *DESCRIBED.get(facts["task"], _own_task)(experiment, facts),
        ("Optimizer", _optimizer(facts["optimizer"])),
        ("Epochs", _epochs(folder, experiment, facts["monitor"])),
        ("Precision", _precision(experiment)),
        ("Seed", str(experiment.seed)),
        *_time(folder),
        *_memory(facts),
    ]


def _own_task(experiment: Experiment, facts: Facts) -> Iterator[Pair]:
    del experiment
    yield "Model", f"{facts['module']}, {_millions(facts['parameters'])}"


def _classifier(experiment: Experiment, facts: Facts) -> Iterator[Pair]:
    task, data = settings_of(experiment)
    network = task.network
    start = "from a local file" if network.weights else WEIGHTS[network.pretrained]
    if task.init_from:
        start = "from the weights of another run"
    yield (
        "Network",
        f"{KINDS[network.kind]}{network.encoder}, {_millions(facts['parameters'])}, {start}"
        f"{ENCODER[network.encoder_training]}; dropout {network.dropout:g}",
    )
    size = data.preprocessing.size
    yield "Image size", f"{size} \N{MULTIPLICATION SIGN} {size} pixels ({data.preprocessing.fit})"
    yield "Augmentation", _augmentation(data)
    settings = task.loss.model_dump(exclude={"kind"}, exclude_none=True)
    details = ", ".join(f"{plain(name)} {value}" for name, value in settings.items())
    yield "Loss", f"{plain(task.loss.kind)}{f' ({details})' if details else ''}"
    if data.table_features:
        yield "Beside the image", ", ".join(data.table_features)
    if data.unit == "exam":
        yield "Exams", "all images of an exam, pooled"
    processes = experiment.trainer.devices
    each = f" on each of {processes} processes" if processes > 1 else ""
    yield "Batches", f"{counted(data.batch_size, 'case')}{each}, {data.sampling} sampling"


def _segmenter(experiment: Experiment, facts: Facts) -> Iterator[Pair]:
    task, data = segmentation_settings(experiment)
    start = "from the weights of another run" if task.init_from else "from scratch"
    yield "Network", f"{plain(task.network.kind)}, {_millions(facts['parameters'])}, {start}"
    yield "Patch", f"{_sides(data.patch)} voxels"
    spacing = data.preprocessing.spacing_mm
    grid = "the spacing of each file" if spacing is None else f"{_sides(spacing)} mm"
    yield "Grid", f"{grid}; intensities: {data.preprocessing.normalisation.kind}"
    yield "Loss", plain(task.loss.kind)
    share = f"{100 * data.foreground_share:.0f}{THIN}% centred on a structure"
    patches = "1 patch" if data.batch_size == 1 else f"{data.batch_size} patches"
    yield "Batches", f"{patches}, {share}"
    mirrored = ", averaged over mirror images" if task.inference.mirror else ""
    overlap = f"{100 * task.inference.overlap:.0f}{THIN}%"
    yield "Whole cases", f"windows that overlap by {overlap}{mirrored}"
    tolerances = ", ".join(f"{each:g}" for each in task.surface_tolerance)
    yield "Surface Dice", f"tolerance {tolerances} mm (pixels, where files have no spacing)"
    if data.scored_on == "prepared":
        yield "Scored", "on this grid, not on that of the files"


def _sides(sides: Sequence[float]) -> str:
    return " \N{MULTIPLICATION SIGN} ".join(f"{side:g}" for side in sides)


def _augmentation(data: XraysConfig) -> str:
    settings = data.augmentation.model_dump()
    parts = [f"{plain(name)} {value:g}" for name, value in settings.items() if value]
    return ", ".join(parts) or "none"


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


DESCRIBED = {"xray-classifier": _classifier, "segmenter": _segmenter}
"""What is said of the training of each task."""


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


def _millions(parameters: int) -> str:
    if parameters < 1e5:
        return f"{parameters:,} parameters"
    return f"{parameters / 1e6:.1f} million parameters"
