"""What a run ran on: versions, revision, hardware, command line."""

import os
import platform
import resource
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = [
    "lightbox",
    "torch",
    "torchvision",
    "pytorch-lightning",
    "monai",
    "torchmetrics",
    "numpy",
    "opencv-python-headless",
    "pillow",
    "pydicom",
    "scikit-learn",
    "scipy",
    "pandas",
    "timm",
    "wandb",
    "pydantic",
]


def describe_environment() -> dict[str, Any]:
    """Plain values for environment.json."""
    return {
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
        "revision": revision(),
        "cpu_cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "gpus": _gpus(),
        "slurm_job": os.environ.get("SLURM_JOB_ID"),
    }


def peak_memory_gib() -> dict[str, float]:
    """The most memory that this process has held so far, and that of its GPU, in GiB."""
    import torch

    held = {"process": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}
    if torch.cuda.is_available():
        held["gpu"] = torch.cuda.max_memory_allocated() / 2**30
    return {place: round(gib, 2) for place, gib in held.items()}


def revision() -> dict[str, Any]:
    """Git revision of the code that runs, and whether files differ from it."""
    here = Path(__file__).resolve().parent
    own = _git(here, "rev-parse", "--show-toplevel") == str(here.parent)
    if not own or (commit := _git(here, "rev-parse", "HEAD")) is None:
        return {"commit": None, "dirty": None}
    return {"commit": commit, "dirty": bool(_git(here, "status", "--porcelain", "-uno"))}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _gpus() -> list[str]:
    import torch

    return [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
