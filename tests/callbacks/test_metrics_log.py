import json
from types import SimpleNamespace

import pytest
from fakes.small_disk import fill, names, small_disk

from callbacks.metrics_log import MetricsLog, keep_until, read_metrics


def write(path, steps):
    path.write_text("".join(json.dumps({"step": s, "values": {"a": s}}) + "\n" for s in steps))


def test_rows_after_the_checkpoint_are_dropped(tmp_path):
    write(tmp_path / "m.jsonl", [10, 20, 30, 40])
    keep_until(tmp_path / "m.jsonl", 20)
    assert [row["step"] for row in read_metrics(tmp_path / "m.jsonl")] == [10, 20]


def test_line_cut_off_by_a_kill_is_left_out(tmp_path):
    write(tmp_path / "m.jsonl", [10, 20])
    with (tmp_path / "m.jsonl").open("a") as file:
        file.write('{"step": 30, "val')
    assert [row["step"] for row in read_metrics(tmp_path / "m.jsonl")] == [10, 20]


def test_line_damaged_by_a_power_failure_is_left_out(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 1}\n\0\0\0\0}\n{"step": 2}\n')
    assert [row["step"] for row in read_metrics(path)] == [1, 2]


def test_absent_log_is_an_empty_one(tmp_path):
    keep_until(tmp_path / "m.jsonl", 5)
    assert read_metrics(tmp_path / "m.jsonl") == []


def test_rows_of_a_second_are_written_together_but_before_a_checkpoint(tmp_path):
    log = logging_rows(tmp_path / "m.jsonl", 3)
    assert [row["step"] for row in read_metrics(log.path)] == [0]
    log.on_save_checkpoint(None, None, {})
    assert [row["step"] for row in read_metrics(log.path)] == [0, 1, 2]


@pytest.mark.parametrize("end", ["on_train_end", "on_exception"])
def test_no_row_is_lost_when_training_ends(tmp_path, end):
    log = logging_rows(tmp_path / "m.jsonl", 3)
    getattr(log, end)(*[None] * (2 if end == "on_train_end" else 3))
    assert [row["step"] for row in read_metrics(log.path)] == [0, 1, 2]


def test_full_disk_leaves_only_whole_rows_and_all_that_were_there(tmp_path):
    with small_disk(tmp_path / "disk", 256) as disk:
        log = logging_rows(disk / "m.jsonl", 100)
        log.on_save_checkpoint(None, None, {})
        before = log.path.read_text()
        fill(disk, free=0)
        log._unwritten = before.splitlines(keepends=True)
        for write in (log._flush, lambda: keep_until(log.path, 50)):
            with pytest.raises(OSError, match=r"No space left on device: 'm\.jsonl'"):
                write()
            assert log.path.read_text() == before
            assert names(disk) == ["m.jsonl"]


def logging_rows(path, count):
    log = MetricsLog(path, every_steps=1, attempt=1)
    for step in range(count):
        log._write(SimpleNamespace(global_step=step, current_epoch=0, loggers=[]), {"a": 1.0})
    return log
