from callbacks.predictions import write_predictions


def test_rows_become_a_table(tmp_path):
    write_predictions(tmp_path / "a" / "p.csv", [{"case_id": "x, y", "probability/n": 0.5}])
    text = (tmp_path / "a" / "p.csv").read_text()
    assert text.splitlines() == ["case_id,probability/n", '"x, y",0.5']


def test_no_rows_are_a_header(tmp_path):
    write_predictions(tmp_path / "p.csv", [], id_column="file")
    assert (tmp_path / "p.csv").read_text().split() == ["file"]
    assert [path.name for path in tmp_path.iterdir()] == ["p.csv"]
