"""Tests keep to temporary folders, and see the real datasets only when they ask for them."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Before torch is loaded: threads of several test processes would wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")
settings.register_profile("busy machine", deadline=None)
settings.load_profile("busy machine")


@pytest.fixture(autouse=True)
def own_folders(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cache and runs go to the test's folder; ``LIGHTBOX_DATA`` is there for data tests only."""
    monkeypatch.setenv("LIGHTBOX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LIGHTBOX_RUNS", str(tmp_path / "runs"))
    if request.node.get_closest_marker("data") is None:
        monkeypatch.delenv("LIGHTBOX_DATA", raising=False)
    elif not Path(os.environ.get("LIGHTBOX_DATA") or "/nonexistent").is_dir():
        pytest.skip("LIGHTBOX_DATA is not set")
