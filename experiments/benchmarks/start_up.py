"""How long a command takes to answer, and a run to its first training step.

All are processes of their own, timed from outside. The first step counts from the start of
``python`` to the end of the first optimizer step, as metrics.jsonl has it: under Lightbox with the
image cache still to be built, a run folder, its checks and its first checkpoint. The other program,
``minimal_program.py``, trains a DenseNet-121 with the same optimizer on the same films, and nothing
else: no validation data, logging or checkpoint.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import experiments
from datamodules.configs.splits import SplitConfig
from datamodules.configs.xrays import XrayPreprocessing, XraysConfig
from datamodules.errors import LightboxError
from datamodules.readers.folder import FolderReader
from experiments.benchmarks.comparison import Comparison
from experiments.benchmarks.films import write_films
from experiments.benchmarks.sizes import Sizes
from experiments.benchmarks.timing import interleaved
from experiments.configs.logging import LoggingConfig
from experiments.configs.trainer import TrainerConfig
from experiments.experiment import Experiment
from lightning_modules.configs.optimizers import AdamWConfig
from lightning_modules.configs.xray_classifier import XrayClassifierConfig
from lightning_modules.configs.xray_networks import TimmNetworkConfig

STEP_DONE = "end of the first step:"
"""What the minimal program prints before the time."""
FILMS, FILM_PIXELS, PIXELS, BATCH_SIZE = 32, 256, 64, 8
ANSWERS = {
    "--help": (0, "demo-xray", "--help"),
    "a configuration error": (2, "demo-xray", "--trainer.max-epoch", "1"),
    "a dry run (--print-config)": (0, "demo-xray", "--print-config"),
}
"""What is asked of ``experiments.run``, with the exit code that is expected."""
PATIENCE_SECONDS = 300


def compare(sizes: Sizes, folder: Path) -> Iterator[Comparison]:
    """Seconds of the commands, and of the first step."""
    times = interleaved(
        {
            name: lambda code=code, words=words: answer(code, words)  # type: ignore[misc]
            for name, (code, *words) in ANSWERS.items()
        },
        sizes.starts,
    )
    for name in ANSWERS:
        yield Comparison(f"{name} answers in", "s", times[name], "alone", 0.3)
    root = folder / "small-films"
    write_films(root, FILMS, FILM_PIXELS)
    steps = interleaved(
        {"ours": lambda: first_step(root), "other": lambda: minimal_first_step(root)}, sizes.starts
    )
    other = "minimal Lightning + MONAI"
    yield Comparison(
        "first training step", "s", steps["ours"], "times as long", 1.05, other, steps["other"]
    )


def answer(code: int, words: list[str]) -> float:
    """Seconds until ``python -m experiments.run WORDS`` has ended.

    Raises:
        LightboxError: If it ends with another exit code.
    """
    start = time.perf_counter()
    done = subprocess.run(
        _python("experiments.run", *words), cwd=_source(), capture_output=True, text=True
    )
    duration = time.perf_counter() - start
    if done.returncode != code:
        raise LightboxError(f"{' '.join(words)} ends with {done.returncode}: {done.stderr[-500:]}")
    return duration


def first_step(root: Path) -> float:
    """Seconds until a run has trained one step; the run is then broken off."""
    experiment = Experiment(
        name="first-step",
        data=XraysConfig(
            reader=FolderReader(root=str(root)),
            split=SplitConfig(test_fraction=0.0),
            preprocessing=XrayPreprocessing(size=PIXELS),
            batch_size=BATCH_SIZE,
        ),
        task=XrayClassifierConfig(
            network=TimmNetworkConfig(encoder="densenet121", pretrained=False),
            optimizer=AdamWConfig(),
        ),
        trainer=TrainerConfig(max_epochs=1, log_every_steps=1),
        logging=LoggingConfig(wandb="off"),
    )
    with tempfile.TemporaryDirectory(dir=root.parent, ignore_cleanup_errors=True) as place:
        config = Path(place) / "first-step.yaml"
        config.write_text(experiment.to_yaml())
        command = _python("experiments.run", "--config", str(config))
        return _until(command, Path(place), lambda: _first_logged_step(Path(place)))


def minimal_first_step(root: Path) -> float:
    """Seconds until the minimal program has trained one step."""
    module = "experiments.benchmarks.minimal_program"
    command = _python(module, str(root), str(PIXELS), str(BATCH_SIZE))
    with tempfile.TemporaryDirectory(dir=root.parent, ignore_cleanup_errors=True) as place:
        return _until(command, Path(place), lambda: _printed_time(Path(place) / "output"))


def _until(command: list[str], place: Path, when: Callable[[], float | None]) -> float:
    """Seconds from the start of a process until a moment that it leaves word of; then end it."""
    environment = {**os.environ, "LIGHTBOX_RUNS": str(place), "LIGHTBOX_CACHE": str(place)}
    with (place / "output").open("w") as output:
        start = time.time()
        process = subprocess.Popen(
            command,
            cwd=_source(),
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            while (moment := when()) is None:
                ended = process.poll() is not None and when() is None
                if ended or time.time() - start > PATIENCE_SECONDS:
                    said = (place / "output").read_text()[-1000:]
                    raise LightboxError(f"{' '.join(command[1:4])} trains no step: {said}")
                time.sleep(0.1)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return moment - start


def _first_logged_step(place: Path) -> float | None:
    for path in place.glob("first-step/*/metrics.jsonl"):
        line, newline, _ = path.read_text().partition("\n")
        if newline:
            return float(json.loads(line)["time"])
    return None


def _printed_time(output: Path) -> float | None:
    lines = output.read_text().splitlines(keepends=True) if output.exists() else []
    times = [line.removeprefix(STEP_DONE) for line in lines if line.startswith(STEP_DONE)]
    return float(times[0]) if times and times[0].endswith("\n") else None


def _python(module: str, *words: str) -> list[str]:
    return [sys.executable, "-m", module, *words]


def _source() -> Path:
    """The folder that holds the packages, from which ``-m`` finds them."""
    return Path(next(iter(experiments.__path__))).parent
