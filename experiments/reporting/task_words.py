"""What is said of the training of each task: its network, and what it sees."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from datamodules.configs.boxes import BoxesConfig
from datamodules.configs.labelled import LabelledConfig
from datamodules.configs.landmarks import LandmarksConfig
from datamodules.configs.masks import MasksConfig
from datamodules.configs.slides import SlideSettings
from datamodules.configs.volume_augmentation import VolumeAugmentation
from datamodules.configs.volumes import VolumesConfig
from datamodules.schema import Settings
from experiments.experiment import Experiment
from experiments.reporting.point_settings import (
    groups_and_measures,
    losses_of_points,
    network_of_points,
)
from experiments.reporting.words import THIN, counted, plain
from experiments.task_kinds.detection import settings_of as detection_settings
from experiments.task_kinds.landmark_detection import settings_of as landmark_settings
from experiments.task_kinds.segmentation import settings_of as segmentation_settings
from experiments.task_kinds.slide_classification import settings_of as slide_settings
from experiments.task_kinds.slide_survival import settings_of as survival_settings
from experiments.task_kinds.volume_classification import settings_of as volume_settings
from experiments.task_kinds.xray_classification import settings_of as xray_settings
from lightning_modules.configs.classifier import ClassifierConfig
from lightning_modules.configs.classifier_networks import ClassifierNetworkSettings
from lightning_modules.configs.detector import DetectorConfig
from lightning_modules.configs.volume_networks import VolumeNetwork

Facts = Mapping[str, Any]
Pair = tuple[str, str]

WEIGHTS = {True: "from published weights", False: "from scratch"}
KINDS = {"timm": "", "attention-map": "attention map on ", "two-stream": "two streams of "}
ENCODER = {"full": "", "frozen": ", encoder frozen", "gradual": ", encoder unfrozen gradually"}
FOUND_BY = {
    "iou": "by a box with an IoU of {iou} or more",
    "centre": "by a box whose centre lies in it",
    "radius": "by a box whose centre lies within half its mean side of its own (LUNA16)",
}
POOLED = {"mean": "their mean", "max": "the highest", "attention": "attention over them"}


def describe_task(experiment: Experiment, facts: Facts) -> Iterator[Pair]:
    """Network, images, loss and batches as name and text.

    Args:
        experiment: As it was run.
        facts: Of its module and data; a task that is not ours has its module's name only.
    """
    return DESCRIBED.get(facts["task"], _own_task)(experiment, facts)


def _own_task(experiment: Experiment, facts: Facts) -> Iterator[Pair]:
    del experiment
    yield "Model", f"{facts['module']}, {_millions(facts['parameters'])}"


def _xray_classifier(experiment: Experiment, facts: Facts) -> Iterator[Pair]:
    task, data = xray_settings(experiment)
    network = task.network
    start = "from a local file" if network.weights else WEIGHTS[network.pretrained]
    yield (
        "Network",
        _network(f"{KINDS[network.kind]}{network.encoder}", network, task, start, facts),
    )
    size = data.preprocessing.size
    yield "Image size", f"{_sides((size, size))} pixels ({data.preprocessing.fit})"
    yield "Augmentation", _augmentation(data.augmentation)
    yield from _learning(experiment, task, data)
    if data.unit == "exam":
        yield "Exams", "all images of an exam, pooled"


def _volume_classifier(experiment: Experiment, facts: Facts) -> Iterator[Pair]:
    task, data = volume_settings(experiment)
    network = task.network
    start = WEIGHTS[network.kind == "slices" and network.pretrained]
    if network.kind != "densenet" and network.weights:
        start = "from a local file"
    yield "Network", _network(_name(network), network, task, start, facts)
    yield from _seen(data, network)
    yield "Intensities", plain(data.preprocessing.normalisation.kind)
    yield "Augmentation", _volume_augmentation(data)
    yield from _learning(experiment, task, data)
    if task.mirror:
        yield "Prediction", "averaged over mirror images"


def _name(network: VolumeNetwork) -> str:
    if network.kind == "slices":
        return f"{network.encoder} on slices ({network.axis}), attention over them"
    width = f" of {network.base_features} features" if network.kind == "resnet" else ""
    return f"3D {network.kind}-{network.depth}{width}"


def _seen(data: VolumesConfig, network: VolumeNetwork) -> Iterator[Pair]:
    fit, spacing = data.fit, data.preprocessing.spacing_mm
    size = f"{_sides(fit.size)} voxels"
    if fit.kind == "resize":
        yield "Volume size", f"{size}, stretched"
        return
    grid = "the spacing of each file" if spacing is None else f"{_sides(spacing)} mm"
    if fit.kind == "crop":
        yield "Volume size", f"{size} at {grid}, the middle"
        return
    where = "" if fit.foreground == "none" else f", where there is foreground ({fit.foreground})"
    yield (
        "Patches",
        f"{size} at {grid}{where}; training sees {fit.per_volume} of a volume, evaluation all, and"
        f" takes {POOLED[network.pooling]}",
    )


def _slide_classifier(experiment: Experiment, facts: Facts) -> Iterator[Pair]:
    task, data = slide_settings(experiment)
    network, bags = task.network, data.bags
    if bags.kind == "tiles":
        start = "from a local file" if network.tiles.weights else WEIGHTS[network.tiles.pretrained]
        seen = f"{network.tiles.encoder} on tiles, "
    else:
        start, seen = "from scratch", ""
    pooling = f"{network.kind.replace('-', ' ')} over tiles"
    yield "Network", _network(f"{seen}{pooling}", network, task, start, facts)
    yield from _bags(data)
    yield from _learning(experiment, task, data)
    if data.unit == "patient":
        yield "Patients", "all slides of a patient, in one bag"


def _slide_survival(experiment: Experiment, facts: Facts) -> Iterator[Pair]:
    task, data = survival_settings(experiment)
    start = "from the weights of another run" if task.init_from else "from scratch"
    pooling = f"{task.network.kind.replace('-', ' ')} over tiles"
    yield "Network", f"{pooling}, {_millions(facts['parameters'])}, {start}"
    yield from _bags(data)
    yield "Loss", f"hazards of {data.intervals} intervals of time, in {data.time_unit}"
    yield "Batches", counted(data.batch_size, "case")
    if data.unit == "patient":
        yield "Patients", "all slides of a patient, in one bag"


def _bags(data: SlideSettings) -> Iterator[Pair]:
    bags = data.bags
    if not data.reader.lists_features:
        tiles = data.tiles
        size = f"{_sides((tiles.size, tiles.size))} pixels at {tiles.um_per_pixel:g} um"
        yield "Tiles", f"{size}, at least {tiles.least_tissue:.0%} tissue"
        if bags.kind == "features":
            yield "Features of a tile", bags.encoder
    some = "half of the median case's" if data.bag_tiles is None else f"{data.bag_tiles}"
    yield "Bags", f"training sees {some} tiles of a case, evaluation all"


def _network(
    name: str,
    network: ClassifierNetworkSettings,
    task: ClassifierConfig,
    start: str,
    facts: Facts,
) -> str:
    if task.init_from:
        start = "from the weights of another run"
    return (
        f"{name}, {_millions(facts['parameters'])}, {start}"
        f"{ENCODER[network.encoder_training]}; dropout {network.dropout:g}"
    )


def _learning(
    experiment: Experiment, task: ClassifierConfig, data: LabelledConfig
) -> Iterator[Pair]:
    settings = task.loss.model_dump(exclude={"kind"}, exclude_none=True)
    details = ", ".join(f"{plain(name)} {value}" for name, value in settings.items())
    yield "Loss", f"{plain(task.loss.kind)}{f' ({details})' if details else ''}"
    if data.table_features:
        yield "Beside the image", ", ".join(data.table_features)
    processes = experiment.trainer.devices
    each = f" on each of {processes} processes" if processes > 1 else ""
    yield "Batches", f"{counted(data.batch_size, 'case')}{each}, {data.sampling} sampling"


def _segmenter(experiment: Experiment, facts: Facts) -> Iterator[Pair]:
    task, data = segmentation_settings(experiment)
    start = "from the weights of another run" if task.init_from else "from scratch"
    yield "Network", f"{plain(task.network.kind)}, {_millions(facts['parameters'])}, {start}"
    yield from _grid(data, facts)
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


def _grid(data: MasksConfig | BoxesConfig | LandmarksConfig, facts: Facts) -> Iterator[Pair]:
    """What a network sees at once, and of what grid; in pixels where files have no spacing."""
    yield "Patch", f"{_sides(data.patch)} {'pixels' if len(data.patch) == 2 else 'voxels'}"
    spacing = data.preprocessing.spacing_mm
    unit = "pixels of the file" if facts.get("has_spacing") is False else "mm"
    grid = "the spacing of each file" if spacing is None else f"{_sides(spacing)} {unit}"
    yield "Grid", f"{grid}; intensities: {data.preprocessing.normalisation.kind}"


def _detector(experiment: Experiment, facts: Facts) -> Iterator[Pair]:
    task, data = detection_settings(experiment)
    network = task.network
    loaded = network.pretrained or network.weights
    start = "from the weights of another run" if task.init_from else WEIGHTS[bool(loaded)]
    name = f"{plain(network.kind.replace('-', ' '))} on {network.encoder}"
    yield "Network", f"{name}, {_millions(facts['parameters'])}, {start}"
    yield from _grid(data, facts)
    share = f", {100 * data.object_share:.0f}{THIN}% about an object" * bool(data.object_share)
    patches = "1 patch" if data.batch_size == 1 else f"{data.batch_size} patches"
    yield "Batches", f"{patches}{share}"
    overlap = f"{100 * task.inference.overlap:.0f}{THIN}%"
    seen = f"windows that overlap by {overlap}" if task.inference.windows else "at once"
    mirrored = ", boxes fused over mirror images" if task.inference.mirror else ""
    yield "Whole cases", f"{seen}{mirrored}"
    if network.kind != "single-box":
        yield "An object is found", FOUND_BY[task.hit_rule].format(iou=_hit_iou(task, data))


def _landmarker(experiment: Experiment, facts: Facts) -> Iterator[Pair]:
    task, data = landmark_settings(experiment)
    name, loaded = network_of_points(task.network)
    start = "from the weights of another run" if task.init_from else WEIGHTS[loaded]
    yield "Network", f"{name}, {_millions(facts['parameters'])}, {start}"
    yield from _grid(data, facts)
    yield "Augmentation", _patch_augmentation(data.augmentation)
    yield "Loss", losses_of_points(task.network)
    yield "Batches", "1 patch" if data.batch_size == 1 else f"{data.batch_size} patches"
    if task.inference.mirror:
        yield "Prediction", "mean of the places in the image and in its mirror image"
    yield from groups_and_measures(task)


def _hit_iou(task: DetectorConfig, data: BoxesConfig) -> str:
    usual = 0.1 if len(data.patch) == 3 else 0.5
    return f"{usual if task.hit_iou is None else task.hit_iou:g}"


def _sides(sides: Sequence[float]) -> str:
    return " \N{MULTIPLICATION SIGN} ".join(f"{side:g}" for side in sides)


def _augmentation(config: Settings) -> str:
    settings = config.model_dump()
    parts = [f"{plain(name)} {value:g}" for name, value in settings.items() if value]
    return ", ".join(parts) or "none"


def _volume_augmentation(data: VolumesConfig) -> str:
    """What happens at all, and how often."""
    return _patch_augmentation(data.augmentation)


def _patch_augmentation(config: VolumeAugmentation) -> str:
    settings = config.model_dump()
    chances = {
        name.removesuffix("_probability"): chance
        for name, chance in settings.items()
        if name.endswith("_probability") and chance
    }
    parts = [f"{plain(name)} {100 * chance:.0f}{THIN}%" for name, chance in chances.items()]
    if config.mirror != ():
        parts.append("mirrored")
    return ", ".join(parts) or "none"


def _millions(parameters: int) -> str:
    if parameters < 1e5:
        return f"{parameters:,} parameters"
    return f"{parameters / 1e6:.1f} million parameters"


DESCRIBED = {
    "xray-classifier": _xray_classifier,
    "volume-classifier": _volume_classifier,
    "slide-classifier": _slide_classifier,
    "slide-survival": _slide_survival,
    "segmenter": _segmenter,
    "detector": _detector,
    "landmarker": _landmarker,
}
"""What is said of the training of each task."""
