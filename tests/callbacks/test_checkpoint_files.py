import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from callbacks.checkpoint_files import (
    newest_readable,
    read_checkpoint,
    remove_unfinished,
    share,
    write_checkpoint,
)
from datamodules.errors import CheckpointError


def checkpoint(value: float) -> dict:
    return {"state_dict": {"w": torch.full((64, 64), value)}, "epoch": 3}


def test_what_is_written_is_read(tmp_path):
    write_checkpoint(checkpoint(1.0), tmp_path / "last.ckpt")
    assert read_checkpoint(tmp_path / "last.ckpt")["state_dict"]["w"].mean() == 1.0


def test_last_becomes_previous(tmp_path):
    for value in (1.0, 2.0, 3.0):
        write_checkpoint(checkpoint(value), tmp_path / "last.ckpt")
    assert read_checkpoint(tmp_path / "previous.ckpt")["state_dict"]["w"].mean() == 2.0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["last.ckpt", "previous.ckpt"]


def test_every_flipped_bit_is_noticed(tmp_path):
    path = tmp_path / "last.ckpt"
    write_checkpoint(checkpoint(1.0), path)
    whole = path.read_bytes()
    inside = whole.find(torch.full((8,), 1.0).numpy().tobytes())
    for place in np.random.default_rng(0).integers(inside, inside + 16_000, 50):
        broken = bytearray(whole)
        broken[place] ^= 1
        path.write_bytes(broken)
        with pytest.raises(CheckpointError, match="damaged"):
            read_checkpoint(path)


@pytest.mark.parametrize("kept", [0, 10, 5000])
def test_truncated_checkpoint_is_named(tmp_path, kept):
    path = tmp_path / "last.ckpt"
    write_checkpoint(checkpoint(1.0), path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(CheckpointError, match=r"last\.ckpt is damaged"):
        read_checkpoint(path)


def test_code_in_a_checkpoint_is_refused_and_not_run(tmp_path):
    trap = tmp_path / "trap"

    class Payload:
        def __reduce__(self):
            return os.mkdir, (str(trap),)

    torch.save({"state_dict": {}, "x": Payload()}, tmp_path / "last.ckpt")
    with pytest.raises(CheckpointError, match="refused"):
        read_checkpoint(tmp_path / "last.ckpt")
    assert not trap.exists()


def test_resume_falls_back_to_the_checkpoint_before(tmp_path):
    for value in (1.0, 2.0):
        write_checkpoint(checkpoint(value), tmp_path / "last.ckpt")
    (tmp_path / "last.ckpt").write_bytes(b"PK\x03\x04 cut short")
    path, faults = newest_readable(tmp_path)
    assert path.name == "previous.ckpt"
    assert "last.ckpt" in faults[0]


def test_no_readable_checkpoint_is_an_error_that_names_them(tmp_path):
    (tmp_path / "last.ckpt").write_bytes(b"nonsense")
    with pytest.raises(CheckpointError, match=r"no checkpoint of the run can be read.*\n.*last"):
        newest_readable(tmp_path)


def test_no_checkpoint_is_not_an_error(tmp_path):
    assert newest_readable(tmp_path) is None


def test_best_and_last_share_one_file_until_last_is_replaced(tmp_path):
    write_checkpoint(checkpoint(1.0), tmp_path / "best.ckpt")
    share(tmp_path / "best.ckpt", tmp_path / "last.ckpt")
    assert (tmp_path / "best.ckpt").samefile(tmp_path / "last.ckpt")
    write_checkpoint(checkpoint(2.0), tmp_path / "last.ckpt")
    assert read_checkpoint(tmp_path / "best.ckpt")["state_dict"]["w"].mean() == 1.0


def test_full_disk_keeps_the_checkpoint_before(tmp_path, monkeypatch):
    write_checkpoint(checkpoint(1.0), tmp_path / "last.ckpt")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError, match="No space left"):
        write_checkpoint(checkpoint(2.0), tmp_path / "last.ckpt")
    assert read_checkpoint(tmp_path / "last.ckpt")["state_dict"]["w"].mean() == 1.0
    assert [p.name for p in tmp_path.iterdir()] == ["last.ckpt"]


KILLED_WRITER = """
import sys, torch
from pathlib import Path
from callbacks.checkpoint_files import write_checkpoint
value = 0.0
print("ready", flush=True)
while True:
    value += 1
    write_checkpoint({"state_dict": {"w": torch.full((512, 512), value)}}, Path(sys.argv[1]))
"""


@pytest.mark.slow
def test_kill_inside_a_save_leaves_a_readable_checkpoint(tmp_path):
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    for delay in (0.01, 0.03, 0.05):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED_WRITER, str(tmp_path / "last.ckpt")],
            stdout=subprocess.PIPE,
            env=environment,
        )
        process.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.1 + delay)
        process.kill()
        process.wait()
        remove_unfinished(tmp_path)
        path, _ = newest_readable(tmp_path)
        assert zipfile.ZipFile(path).testzip() is None
        assert not list(tmp_path.glob("*.writing"))
