import json

from callbacks.metrics_log import keep_until, read_metrics


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


def test_absent_log_is_an_empty_one(tmp_path):
    keep_until(tmp_path / "m.jsonl", 5)
    assert read_metrics(tmp_path / "m.jsonl") == []
