"""Run folders as a final evaluation leaves them: drawn films, scores made up to be plausible."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from callbacks.predictions import write_predictions
from datamodules.cases import Case, CaseTable, Source
from datamodules.configs.xrays import XrayPreprocessing, XraysConfig
from datamodules.data_info import LabelSet
from datamodules.splits_file import write_splits
from datamodules.targets import target_matrix
from datamodules.transforms.xray_geometry import Geometry
from datamodules.whole_files import write_whole
from datamodules.xrays import XraysData
from experiments.configs.logging import LoggingConfig
from experiments.environment import describe_environment
from experiments.experiment import Experiment
from experiments.metrics_file import metrics_text
from experiments.run_folder import RunFolder
from lightning_modules.configs.xray_classifier import XrayClassifierConfig
from lightning_modules.configs.xray_networks import TimmNetworkConfig
from lightning_modules.xray_classifier import XrayClassifier

FINDINGS = (
    *("Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia"),
    *("Pneumothorax", "Consolidation", "Edema", "Emphysema", "Fibrosis", "Thickening", "Hernia"),
)
ROOT = "/secret-place/of-the-images"


class EvaluatedRun(NamedTuple):
    folder: RunFolder
    module: XrayClassifier
    data: XraysData
    point: dict[str, Any]


class Films(NamedTuple):
    """Stands in for the image cache: noise, brighter at the right for positives."""

    images: np.ndarray

    def read(self, row: int) -> np.ndarray:
        """One image."""
        return self.images[row]

    def geometry(self, index: int) -> dict[str, int]:
        """As of the films before they were prepared: two sizes, which say nothing."""
        width = 2048 if index % 3 else 2500
        return Geometry.fit((2048, width), self.images.shape[-1], "pad").to_dict()


def evaluated_run(
    runs: Path,
    labels: LabelSet | None = None,
    cases: int = 60,
    size: int = 28,
    samples: int = 100,
    test: bool = True,
    public: bool = False,
    has_patients: bool = True,
    positives_in_test: bool = True,
    logging: LoggingConfig | None = None,
) -> EvaluatedRun:
    labels = labels or LabelSet(("Nodule",), exclusive=False)
    experiment = Experiment(
        name="fake-xray",
        description="Nodules in drawn films.",
        data=XraysConfig(preprocessing=XrayPreprocessing(size=size)),
        task=XrayClassifierConfig(network=TimmNetworkConfig(encoder="resnet18", pretrained=False)),
        logging=(logging or LoggingConfig(wandb="off")).replace(bootstrap_samples=samples),
    )
    random = np.random.default_rng(0)
    table = make_table(random, labels, cases, public, has_patients)
    data = make_data(random, experiment, table, labels, test)
    if not positives_in_test:
        data.targets[data.indices("test")] = np.where(
            np.isnan(data.targets[data.indices("test")]), np.nan, 0
        )
    module = XrayClassifier(experiment.task, data.info)
    splits = ("val", "test") if test else ("val",)
    module.rows = {split: make_rows(random, data, split) for split in splits}
    point = module.choose_operating_point(module.rows["val"])
    folder = make_folder(runs, experiment, module, data, point, samples)
    return EvaluatedRun(folder, module, data, point)


def make_table(
    random: np.random.Generator, labels: LabelSet, cases: int, public: bool, has_patients: bool
) -> CaseTable:
    made = []
    for index in range(cases):
        patient = f"patient-{index // 2:04d}" if has_patients else f"film-{index:05d}"
        made.append(
            Case(
                case_id=f"film-{index:05d}",
                patient_id=patient,
                inputs={"image": Source(f"films/{index:05d}.png")},
                targets=_annotate(random, labels),
                attributes={
                    "age": float(random.integers(5, 95)) if random.random() > 0.02 else None,
                    "sex": str(random.choice(["F", "M"])),
                    "view": str(random.choice(["PA", "AP"], p=[0.7, 0.3])),
                },
                site=str(random.choice(["North", "South"], p=[0.97, 0.03])),
            )
        )
    return CaseTable(
        name="fake-films",
        root=Path(ROOT),
        cases=tuple(made),
        classes=_classes(labels),
        findings=() if _classes(labels) else labels.names,
        public=public,
        has_patients=has_patients,
        notices=("The films are drawn and show no patients.",),
    )


def _classes(labels: LabelSet) -> tuple[str, ...]:
    if labels.exclusive:
        return labels.names
    return (labels.negative, *labels.names) if labels.negative else ()


def _annotate(random: np.random.Generator, labels: LabelSet) -> dict[str, Any]:
    if classes := _classes(labels):
        return {"class": str(random.choice(classes))}
    many = len(labels.names) > 1
    return {
        "findings": {
            name: None if many and random.random() < 0.1 else float(random.random() < 0.3)
            for name in labels.names
        }
    }


def make_data(
    random: np.random.Generator,
    experiment: Experiment,
    table: CaseTable,
    labels: LabelSet,
    test: bool,
) -> XraysData:
    data = XraysData(experiment.data, experiment.seed)
    data.labels = labels
    data._table, data.targets = table, target_matrix(table, labels)
    sides = ["train", "train", "val", "test" if test else "train"]
    data.splits = {case.case_id: sides[at // 2 % 4] for at, case in enumerate(table.cases)}
    first = table.cases[0].case_id
    data.splits[first] = "excluded"
    data.notices = [*table.notices, f"'{first}' (train) excluded: identical to 'film-00005' (val)"]
    data.starts = np.arange(len(table.cases) + 1)
    size = experiment.data.preprocessing.size
    noise = random.normal(90, 20, (len(table.cases), size, size))
    noise[data.targets[:, 0] == 1, size // 3 : size // 2, size // 2 : -4] += 70
    data.cache = Films(np.clip(noise, 0, 255).astype(np.uint8))
    return data


def make_rows(random: np.random.Generator, data: XraysData, split: str) -> list[dict[str, Any]]:
    rows = []
    for index in data.indices(split):
        case, targets = data.table.cases[index], data.targets[index]
        scores = random.normal(np.nan_to_num(targets) * 2.5 - 1.2, 1.1)
        if data.labels.exclusive:
            scores = np.exp(scores) / np.exp(scores).sum()
        else:
            scores = 1 / (1 + np.exp(-scores))
        known = [None if np.isnan(target) else float(target) for target in targets]
        ids = {"case_id": case.case_id, "patient_id": case.patient_id}
        rows.append({**ids, "scores": scores.tolist(), "targets": known})
    return rows


def make_folder(
    runs: Path,
    experiment: Experiment,
    module: XrayClassifier,
    data: XraysData,
    point: dict[str, Any],
    samples: int,
) -> RunFolder:
    path = runs / experiment.name / "20261121-120000-ab12"
    path.mkdir(parents=True)
    folder = RunFolder(path)
    write_whole(folder.experiment_file, experiment.to_yaml())
    folder.update_status(state="evaluating", attempt=1, created="", wandb_id="ab12cd34")
    write_splits(folder.splits_file, data.table, data.splits, {})
    attempt = {"attempt": 1, "started": "", **describe_environment()}
    write_whole(folder.environment_file, json.dumps({"attempts": [attempt]}))
    write_whole(folder.metrics_log, "".join(json.dumps(row) + "\n" for row in log_rows()))
    results: dict[str, Any] = {"operating_point": point}
    for split, rows in module.rows.items():
        figures = module.final_figures(rows, point, samples)
        results[split] = {name: figure.to_dict() for name, figure in figures.items()}
        table = [module.table_row(row, point) for row in rows]
        write_predictions(folder.predictions / f"{split}.csv", table)
    write_whole(folder.metrics_file, metrics_text(results))
    if "test" in module.rows:
        folder.record_test_opening(
            by="run", attempt=1, split="test", revision={"commit": "0be75a7" * 5, "dirty": True}
        )
    return folder


def log_rows(epochs: int = 8, steps: int = 10) -> list[dict[str, Any]]:
    """Rows of metrics.jsonl; validation is best after the sixth epoch."""
    rows, time = [], 1e9
    for epoch in range(epochs):
        for step in range(1, steps + 1):
            time += 1
            done = epoch * steps + step
            rows.append(_row(done, epoch, time, {"train/loss": 0.7 * 0.97**done}))
        val = {"val/log_loss": 0.3 + 0.01 * (epoch - 5) ** 2, "val/auroc": 0.9 - 0.2 * 0.5**epoch}
        rows.append(_row((epoch + 1) * steps, epoch, time, val))
    return rows


def _row(step: int, epoch: int, time: float, values: dict[str, float]) -> dict[str, Any]:
    return {"step": step, "epoch": epoch, "time": time, "attempt": 1, "values": values}
