import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from fakes.small_disk import filled, names, small_disk

from callbacks.checkpoint_files import (
    newest_readable,
    read_checkpoint,
    share,
    write_checkpoint,
)
from datamodules.errors import CheckpointError

ROOT = Path(__file__).parents[2]
MEMORY = Path("/dev/shm")
KILLS = 20
FILL_LEVELS = 30


def checkpoint(value: float, side: int = 64) -> dict:
    return {"state_dict": {"w": torch.full((side, side), value)}, "epoch": 3}


def value_of(path: Path) -> float:
    return read_checkpoint(path)["state_dict"]["w"].mean().item()


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
    path, _, faults = newest_readable(tmp_path)
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


def test_full_disk_keeps_the_checkpoint_before_whatever_still_fits(tmp_path):
    with small_disk(tmp_path / "disk", 2048) as disk:
        last = disk / "last.ckpt"
        write_checkpoint(checkpoint(1.0, side=256), last)
        for part in range(FILL_LEVELS):
            with filled(disk, free=part * last.stat().st_size // FILL_LEVELS):
                with pytest.raises(CheckpointError, match=r"No space left on.*Free disk space"):
                    write_checkpoint(checkpoint(2.0, side=256), last)
                assert value_of(last) == 1.0
                assert names(disk) == ["last.ckpt"]


def test_full_disk_keeps_the_checkpoint_before_where_it_has_to_be_copied(tmp_path, monkeypatch):
    def no_links(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    with small_disk(tmp_path / "disk", 2048) as disk:
        write_checkpoint(checkpoint(1.0, side=256), disk / "last.ckpt")
        write_checkpoint(checkpoint(2.0, side=256), disk / "best.ckpt")
        with filled(disk, free=50_000):
            with pytest.raises(CheckpointError, match=r"No space left on.*Free disk space"):
                share(disk / "best.ckpt", disk / "last.ckpt")
            assert names(disk) == ["best.ckpt", "last.ckpt"]
        assert value_of(disk / "last.ckpt") == 1.0
        share(disk / "best.ckpt", disk / "last.ckpt")
        assert value_of(disk / "last.ckpt") == 2.0


def test_folder_that_cannot_be_written_is_not_taken_for_a_full_disk(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match=r"File exists.*Mend that, then resume"):
        write_checkpoint(checkpoint(1.0), tmp_path / "file" / "last.ckpt")


@pytest.mark.slow
def test_kill_inside_a_save_loses_nothing_that_was_saved(tmp_path):
    """More often: ``TMPDIR=/dev/shm python tests/fakes/killed_saves.py FOLDER 200``."""
    if not MEMORY.is_dir() or MEMORY.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("TMPDIR cannot be on another file system: /dev/shm is not one")
    with tempfile.TemporaryDirectory(dir=MEMORY) as temporary:
        done = subprocess.run(
            [sys.executable, ROOT / "tests/fakes/killed_saves.py", tmp_path, str(KILLS)],
            env={**os.environ, "TMPDIR": temporary, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    kills = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(kills) == KILLS
    assert any(kill["cut_off"] for kill in kills)
    for kill in kills:
        assert kill["found"] in (kill["saved"], kill["saved"] + 1)
        assert kill["best"] in range(kill["saved"] - 2, kill["saved"] + 2)
