"""Kills runs at random moments, resumes them, and compares each with one that nobody killed.

``python tests/experiments/kill_points.py --points 30 --workers 0 2 --processes 1 2``

prints a line a point, and ends with 1 if any differs. With ``--results FILE`` it goes on where it
was stopped. Words that it does not know are settings of the experiment.
"""

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from fakes.run_contents import everything, logged  # noqa: E402
from fakes.whole_run import WholeRun, kill_all  # noqa: E402

from callbacks.checkpoint_files import BEST, LAST, newest_readable, read_checkpoint  # noqa: E402
from callbacks.metrics_log import read_metrics  # noqa: E402
from experiments.run_folder import RunFolder  # noqa: E402

BATCH = 32
CHECKPOINT_EVERY = 4
EXPERIMENT = f"""demo-xray --data.preprocessing.size 32 --task.network.encoder lcnet_035
    --data.split.val-fraction 0.3 --data.split.test-fraction 0.3
    --trainer.max-epochs 3 --trainer.ema-decay 0.9 --trainer.log-every-steps 1
    --trainer.checkpoint-every-steps {CHECKPOINT_EVERY} --trainer.accelerator cpu
    --logging.wandb off --logging.bootstrap-samples 100""".split()
SHARE_OF_EVALUATION = 0.1
"""How many of the kills come after the last training step."""
EVERY_SO_MANY_TWICE = 3


class Setting(NamedTuple):
    """How a run is carried out: loader workers of each process, and processes."""

    workers: int
    processes: int

    def __str__(self) -> str:
        return f"workers {self.workers}, processes {self.processes}"

    def words(self) -> list[str]:
        batch = BATCH // self.processes
        return (
            f"--data.workers {self.workers} --data.batch-size {batch}"
            f" --trainer.devices {self.processes}"
        ).split()


@dataclass(frozen=True)
class Outcome:
    """What became of one point.

    Attributes:
        killed: Last logged step at each kill.
        resumed: Step of the checkpoint that the run went on from after it.
        differs: What is not as in the run that nobody killed.
    """

    workers: int
    processes: int
    point: int
    killed: list[int]
    resumed: list[int]
    differs: list[str]
    seconds: float


class Workplace:
    """Where the runs are, with one cache for all."""

    def __init__(self, folder: Path, more: Sequence[str]) -> None:
        self.folder, self.more = folder, more

    def run(self, setting: Setting, name: str) -> WholeRun:
        environment = {
            "LIGHTBOX_CACHE": str(self.folder / "cache"),
            # an allocation, so that as many workers start as the setting says, however few cores
            "SLURM_JOB_ID": "0",
            "SLURM_CPUS_PER_TASK": str(max(1, setting.workers)),
        }
        words = [*EXPERIMENT, *setting.words(), *self.more]
        return WholeRun(self.folder / name, words, environment)

    def new_run(self, setting: Setting, name: str) -> WholeRun:
        shutil.rmtree(self.folder / name, ignore_errors=True)
        return self.run(setting, name)


class Whole(NamedTuple):
    """What is to be expected, of the run that nobody killed."""

    folder: RunFolder
    steps: int
    seconds_a_step: float
    seconds_of_evaluation: float


def uninterrupted(workplace: Workplace, setting: Setting) -> Whole:
    name = f"whole-w{setting.workers}-p{setting.processes}"
    folder = workplace.run(setting, name).found
    if folder is None or folder.status()["state"] != "finished":
        folder = workplace.new_run(setting, name).finish()
    rows = read_metrics(folder.metrics_log)
    steps, seconds = rows[-1]["step"], rows[-1]["time"] - rows[0]["time"]
    evaluation = folder.status_file.stat().st_mtime - rows[-1]["time"]
    return Whole(folder, steps, seconds / steps, evaluation)


def moment(chance: random.Random, whole: Whole, after: int) -> tuple[int, float]:
    """A step to wait for, uniform over those that are left, and how long to wait after it."""
    last = whole.steps + max(1, round(SHARE_OF_EVALUATION * whole.steps))
    step = chance.randint(min(after + 1, whole.steps), last)
    if step > whole.steps:
        return whole.steps, chance.random() * whole.seconds_of_evaluation
    return step, chance.random() * CHECKPOINT_EVERY * whole.seconds_a_step


def kill_and_resume(
    workplace: Workplace, setting: Setting, point: int, whole: Whole, seed: int
) -> Outcome:
    chance = random.Random(f"{seed} {setting} {point}")
    began, kills = time.monotonic(), 2 if point % EVERY_SO_MANY_TWICE == 0 else 1
    name = f"w{setting.workers}-p{setting.processes}-{point:03d}"
    killed: list[int] = []
    while len(killed) < kills:
        if not killed:
            run, resumed = workplace.new_run(setting, name), []
        step, delay = moment(chance, whole, resumed[-1] if resumed else 0)
        process = run.begin()
        if run.wait_for_step(process, step):
            time.sleep(delay)
        if process.poll() is not None:  # it was over by then: another try
            assert process.returncode == 0, run.console()
            killed = []
            continue
        kill_all(process)
        killed.append(run.last_step())
        resumed.append(checkpointed(run.folder))
    code, console = run.end_of(run.begin())
    if code != 0:
        print(console)
    differs = differences(run.folder, whole.folder) if code == 0 else [f"exit code {code}"]
    if not differs:
        shutil.rmtree(run.home)
    seconds = round(time.monotonic() - began, 1)
    return Outcome(*setting, point, killed, resumed, differs, seconds)


def checkpointed(folder: RunFolder) -> int:
    found = newest_readable(folder.checkpoints)
    return read_checkpoint(found[0])["global_step"] if found else 0


def differences(folder: RunFolder, whole: RunFolder) -> list[str]:
    """What two runs differ in, of all that must be equal."""
    steps = [row["step"] for row in read_metrics(folder.metrics_log) if trained(row)]
    checks = {
        LAST: everything(folder) == everything(whole),
        BEST: everything(folder, BEST) == everything(whole, BEST),
        "gaps or repeats": steps == list(range(1, len(steps) + 1)),
        "metrics.jsonl": logged(folder) == logged(whole),
        "metrics.json": folder.metrics_file.read_bytes() == whole.metrics_file.read_bytes(),
        "predictions": predictions(folder) == predictions(whole),
    }
    return [name for name, equal in checks.items() if not equal]


def trained(row: dict[str, Any]) -> bool:
    return "train/loss" in row["values"]


def predictions(folder: RunFolder) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.predictions.glob("*.csv"))]


def arguments() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--points", type=int, default=30, help="of each setting")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2])
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--results", type=Path, help="JSON lines; points in it are not repeated")
    parser.add_argument("--folder", type=Path, help="for runs and cache; kept")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no more then")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_known_args()


def known(results: Path | None) -> Iterator[Outcome]:
    if results is not None and results.exists():
        for line in results.read_text().splitlines():
            yield Outcome(**json.loads(line))


def main() -> int:
    chosen, more = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    until = time.monotonic() + 60 * chosen.minutes
    outcomes = {(each.workers, each.processes, each.point): each for each in known(chosen.results)}
    settings = [Setting(w, p) for p in chosen.processes for w in chosen.workers]
    with tempfile.TemporaryDirectory() as temporary:
        workplace = Workplace((chosen.folder or Path(temporary)).resolve(), more)
        for setting in settings:
            left = [p for p in range(chosen.points) if (*setting, p) not in outcomes]
            whole = uninterrupted(workplace, setting) if left else None
            for point in left:
                if time.monotonic() > until:
                    break
                assert whole is not None
                outcome = kill_and_resume(workplace, setting, point, whole, chosen.seed)
                outcomes[(*setting, point)] = outcome
                note(outcome, whole.steps, chosen.results)
    return summary(settings, list(outcomes.values()))


def note(outcome: Outcome, steps: int, results: Path | None) -> None:
    if results is not None:
        with results.open("a") as file:
            file.write(json.dumps(asdict(outcome)) + "\n")
    setting = Setting(outcome.workers, outcome.processes)
    kills = ", then ".join(
        f"killed at step {killed} of {steps}, on from {resumed}"
        for killed, resumed in zip(outcome.killed, outcome.resumed, strict=True)
    )
    found = f"DIFFERS in {', '.join(outcome.differs)}" if outcome.differs else "equal"
    print(f"{setting}, point {outcome.point}: {kills}: {found} ({outcome.seconds} s)", flush=True)


def summary(settings: Sequence[Setting], outcomes: Sequence[Outcome]) -> int:
    equal = 0
    for setting in settings:
        own = [each for each in outcomes if (each.workers, each.processes) == setting]
        good = sum(not each.differs for each in own)
        equal += good == len(own)
        print(f"{setting}: {good} of {len(own)}")
    return int(equal < len(settings))


if __name__ == "__main__":
    sys.exit(main())
