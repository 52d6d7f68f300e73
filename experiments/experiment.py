"""An experiment is one value: all that a run depends on, as typed data that is YAML on disk."""

import json
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from datamodules.configs.boxes import BoxesConfig
from datamodules.configs.landmarks import LandmarksConfig
from datamodules.configs.masks import MasksConfig
from datamodules.configs.slide_survival import SurvivalSlidesConfig
from datamodules.configs.slides import SlidesConfig
from datamodules.configs.volumes import VolumesConfig
from datamodules.configs.xrays import XraysConfig
from datamodules.errors import ConfigError
from datamodules.schema import Settings
from experiments.configs.logging import LoggingConfig
from experiments.configs.slurm import SlurmConfig
from experiments.configs.trainer import TrainerConfig
from experiments.setting_errors import explain
from lightning_modules.configs.detector import DetectorConfig
from lightning_modules.configs.landmarker import LandmarkerConfig
from lightning_modules.configs.segmenter import SegmenterConfig
from lightning_modules.configs.slide_classifier import SlideClassifierConfig
from lightning_modules.configs.slide_survival import SlideSurvivalConfig
from lightning_modules.configs.volume_classifier import VolumeClassifierConfig
from lightning_modules.configs.xray_classifier import XrayClassifierConfig

Data = Annotated[
    XraysConfig
    | VolumesConfig
    | SlidesConfig
    | SurvivalSlidesConfig
    | BoxesConfig
    | MasksConfig
    | LandmarksConfig,
    Field(discriminator="kind"),
]
Task = Annotated[
    XrayClassifierConfig
    | VolumeClassifierConfig
    | SlideClassifierConfig
    | SlideSurvivalConfig
    | DetectorConfig
    | SegmenterConfig
    | LandmarkerConfig,
    Field(discriminator="kind"),
]

DATA_OF_TASK = {
    "xray-classifier": "xrays",
    "volume-classifier": "volumes",
    "slide-classifier": "slides",
    "slide-survival": "survival-slides",
    "detector": "boxes",
    "segmenter": "masks",
    "landmarker": "landmarks",
}
"""Which kind of data a task is trained on."""


class Experiment(Settings):
    """One fully specified run."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    """Names the folder of its runs: lower case, digits, hyphens."""
    description: str = ""
    """One line for a reader of the report."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Initial weights, the order of cases, augmentation and dropout follow from it."""
    data: Data = XraysConfig()
    """Dataset, splits, preprocessing, augmentation, batches."""
    task: Task = XrayClassifierConfig()
    """What is learned: network, loss, optimizer."""
    trainer: TrainerConfig = TrainerConfig()
    """How long, on what, and in which precision."""
    logging: LoggingConfig = LoggingConfig()
    """What is shown, and where."""
    score_test: bool = True
    """Whether the test split is opened at the end; a sweep over settings leaves it closed."""
    slurm: SlurmConfig = SlurmConfig()
    """How the run is submitted to a Slurm cluster; a run without any of it runs here."""

    @model_validator(mode="before")
    @classmethod
    def _kind_follows(cls, values: object) -> object:
        """Data without a kind are those of the task, and a task without one is that of the data."""
        if not isinstance(values, dict):
            return values
        data, task = values.get("data", {}), values.get("task", {})
        if not isinstance(data, dict) or not isinstance(task, dict):
            return values
        task_of_data = {data: task for task, data in DATA_OF_TASK.items()}
        kind, other = task.get("kind"), data.get("kind", "xrays")
        if kind is None and isinstance(other, str):
            kind = task_of_data.get(other)
        if not isinstance(kind, str) or kind not in DATA_OF_TASK:
            return values
        return {
            **values,
            "data": {"kind": DATA_OF_TASK[kind], **data},
            "task": {"kind": kind, **task},
        }

    @classmethod
    def from_yaml(cls, path: Path) -> Self:
        """Read an experiment file.

        Raises:
            ConfigError: If the file is missing, is not YAML, or does not describe an experiment;
                the message lists every wrong field.
        """
        try:
            values = yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(
                f"cannot read the experiment file {path}: {error.strerror}"
            ) from error
        except (yaml.YAMLError, ValueError) as error:
            raise ConfigError(f"{path} is not a YAML file: {error}") from error
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            faults = "\n  ".join(explain(error, cls))
            raise ConfigError(f"{path} is not a valid experiment:\n  {faults}") from error

    def public(self) -> dict[str, Any]:
        """Without the cluster, too: what comes before Python may hold keys and places."""
        values = super().public()
        del values["slurm"]
        return values

    def to_yaml(self) -> str:
        """Complete YAML; :meth:`from_yaml` on it gives an equal experiment."""
        return as_yaml(self.model_dump(mode="json"), sort_keys=False)


def as_yaml(values: object, **style: Any) -> str:  # noqa: ANN401 - of yaml.safe_dump
    """YAML that reads back the same; text beyond ASCII is written as it is where it is printable.

    PyYAML writes a few line separators of Unicode raw, and reads them as line breaks.
    """
    printable = json.dumps(values, ensure_ascii=False).isprintable()
    text: str = yaml.safe_dump(values, allow_unicode=printable, **style)
    return text
