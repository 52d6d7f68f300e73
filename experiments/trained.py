"""Which task a trained model is of, before it is loaded."""

from pathlib import Path

from experiments.experiment import Experiment

FILE = "experiment.yaml"
SEGMENTER = "segmenter"


def is_segmenter(source: Path) -> bool:
    """Whether a run folder, a folder of runs or a checkpoint file is of a segmenter.

    False where there is nothing to load: whoever loads it says so.

    Raises:
        CheckpointError: If a checkpoint cannot be read.
        ConfigError: If the experiment file of a run is damaged.
    """
    if source.is_dir():
        files = [source / FILE, *sorted(source.glob(f"*/{FILE}"))]
        found = next((path for path in files if path.is_file()), None)
        return found is not None and Experiment.from_yaml(found).task.kind == SEGMENTER
    if not source.is_file():
        return False
    from callbacks.checkpoint_files import read_checkpoint

    facts = read_checkpoint(source).get("lightbox", {})
    return bool(facts.get("experiment", {}).get("task", {}).get("kind") == SEGMENTER)
