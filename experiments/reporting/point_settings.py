"""What is said of the settings of a landmarker."""

from collections.abc import Iterator

from experiments.reporting.words import listed, plain
from lightning_modules.configs.landmark_measures import Measure
from lightning_modules.configs.landmark_networks import LandmarkNetworkConfig
from lightning_modules.configs.landmarker import LandmarkerConfig

NETWORKS = {
    "heatmap-unet": "U-Net with a heatmap for each landmark",
    "coarse-to-fine": "two U-Nets, the second on crops about what the first finds",
    "point-regressor": "coordinates, without heatmaps, from ",
}


def network_of_points(network: LandmarkNetworkConfig) -> tuple[str, bool]:
    """What it is called, and whether it starts from weights that others trained."""
    name = NETWORKS[network.kind]
    if network.kind == "point-regressor":
        return f"{name}{network.encoder}", bool(network.pretrained or network.weights)
    return name, False


def losses_of_points(network: LandmarkNetworkConfig) -> str:
    """What it is trained with."""
    losses = [f"{_spaced(network.coordinate_loss.kind)} of coordinates"]
    if network.kind != "point-regressor":
        losses.insert(0, f"{_spaced(network.heatmap_loss.kind)} of heatmaps")
    return ", ".join(losses)


def _spaced(kind: str) -> str:
    return plain(kind.replace("-", " "))


def groups_and_measures(task: LandmarkerConfig) -> Iterator[tuple[str, str]]:
    """Which landmarks make a group, and what is measured from which."""
    for group in task.groups:
        without = f", without {listed(group.without)}" if group.without else ""
        yield f"Group {group.name}", f"{listed(group.points)}{without}"
    for measure in task.measures:
        yield f"Measure {measure.name}", measure_in_words(measure)


def measure_in_words(measure: Measure) -> str:
    """What is measured, from which landmarks."""
    if measure.kind == "distance":
        return "distance from {} to {}".format(*measure.between)
    if measure.kind == "extent":
        return f"extent of {listed(measure.points)} along {measure.axis}"
    if measure.kind == "ratio":
        return f"{measure.numerator} divided by {measure.denominator}"
    if measure.kind == "difference":
        return f"{measure.minuend} less {measure.subtrahend}"
    if len(measure.points) == 3:
        first, vertex, second = measure.points
        return f"angle at {vertex} between {first} and {second}"
    first, second, third, fourth = measure.points
    return f"angle between the lines from {first} to {second} and from {third} to {fourth}"
