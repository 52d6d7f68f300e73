"""Features of slides survive whatever kills the process that computes them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fakes import slides
from fakes.labelled_slides import slide_experiment

from datamodules.slide_features import SlideFeatures

SLIDES = 20


def environment(cache):
    return {**os.environ, "LIGHTBOX_CACHE": str(cache), "OMP_NUM_THREADS": "1"}


def started(config, cache):
    words = [sys.executable, "-m", "experiments.prepare", "--config", str(config)]
    return subprocess.Popen(words, env=environment(cache), stderr=subprocess.DEVNULL)


def finished(cache):
    return sorted(Path(cache).glob("slide-features/*/*.safetensors"))


@pytest.mark.slow
def test_five_kills_cost_at_most_a_slide_each(tmp_path):
    slides.write(tmp_path / "data", patients=16)
    assert len(list((tmp_path / "data" / "slides").iterdir())) == SLIDES
    config = tmp_path / "my.yaml"
    config.write_text(slide_experiment(tmp_path / "data").to_yaml())
    kept: dict[str, tuple[int, bytes]] = {}
    for least in (2, 6, 9, 13, 17):
        process = started(config, tmp_path / "killed")
        while len(finished(tmp_path / "killed")) < least:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for path in finished(tmp_path / "killed"):
            SlideFeatures.open(path)  # whole, whenever it was killed
            now = (path.stat().st_ino, path.read_bytes())
            assert kept.setdefault(path.name, now) == now  # and never computed again
    assert started(config, tmp_path / "killed").wait() == 0
    assert started(config, tmp_path / "whole").wait() == 0
    killed, whole = finished(tmp_path / "killed"), finished(tmp_path / "whole")
    assert [path.name for path in killed] == [path.name for path in whole]
    assert len(whole) == SLIDES
    for one, other in zip(killed, whole, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert not list((tmp_path / "killed").rglob("*.writing"))


def test_processes_share_the_work(tmp_path):
    slides.write(tmp_path / "data", patients=8)
    config = tmp_path / "my.yaml"
    config.write_text(slide_experiment(tmp_path / "data").to_yaml())
    processes = [started(config, tmp_path / "cache") for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    [manifest] = (tmp_path / "cache").glob("slide-features/*/manifest.jsonl")
    files = [line.split('"')[3] for line in manifest.read_text().splitlines()]
    assert sorted(files) == sorted(set(files))  # no slide was computed twice
    assert len(files) == len(finished(tmp_path / "cache"))
