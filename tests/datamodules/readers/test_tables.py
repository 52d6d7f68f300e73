import gzip
from pathlib import Path

import pytest

from datamodules.errors import DataError
from datamodules.readers.tables import plain_number, read_table, read_tables


def table_of(root: Path, text: str | bytes, name: str = "t.csv"):
    (root / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_table(root, name)


def test_a_line_that_names_the_separator_is_not_counted(tmp_path):
    assert table_of(tmp_path, "sep=;\na;b\n1,5;2\n").numbers == (2,)


def test_cells_keep_their_row_numbers_over_blank_rows(tmp_path):
    table = table_of(tmp_path, "a,b\n1,2\n\n,\n 3 ,4\n")
    assert table.cells("a") == ["1", "3"]
    assert table.numbers == (2, 5)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", "\ufeffa,b\r\n1,2\r\n".encode()),
        ("t.csv", b"a;b\n1;2\n"),
        ("t.tsv", b"a\tb\n1\t2\n"),
        ("t.csv", b"sep=;\r\na;b\r\n1;2\r\n"),
        ("t.csv.gz", gzip.compress(b'"sep=\t"\na\tb\n1\t2\n', mtime=0)),
        ("t.csv.gz", gzip.compress(b"a,b\n1,2\n", mtime=0)),
        ("t.tsv.gz", gzip.compress(b"a\tb\n1\t2\n", mtime=0)),
        ("T.CSV", b'"a","b"\n1,"2"\n'),
    ],
)
def test_every_usual_way_of_saving_a_table_reads_alike(tmp_path, name, text):
    table = table_of(tmp_path, text, name)
    assert (table.columns, table.rows) == (("a", "b"), (("1", "2"),))


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("t.csv", b"", "t.csv is empty"),
        ("t.csv", b"a,b\n", "t.csv is empty"),
        ("t.csv", b"a,b\n1\n", "row 2 has 1 cells, the header has 2"),
        ("t.csv", "a\nß\n".encode("latin-1"), "not UTF-8"),
        ("t.csv", b'a,b\n"1,2\n', "not a well-formed table"),
        ("t.csv.gz", gzip.compress(b"a,b\n1,2\n" * 99, mtime=0)[:-12], "damaged"),
        ("t.csv.gz", b"a,b\n1,2\n", "damaged"),
        ("t.xlsx", b"PK", "not a table that can be read"),
    ],
)
def test_an_unusable_table_is_named_with_the_reason(tmp_path, name, text, says):
    with pytest.raises(DataError, match=says) as caught:
        table_of(tmp_path, text, name)
    assert name in str(caught.value)


def test_an_absent_table_suggests_the_nearest_one(tmp_path):
    (tmp_path / "labels.csv").write_text("a\n1\n")
    with pytest.raises(DataError, match=r"did you mean 'labels\.csv'"):
        read_table(tmp_path, "lables.csv")


def test_every_missing_column_is_named_with_its_nearest(tmp_path):
    table = table_of(tmp_path, "Path,patient_id,x,x\na,b,c,d\n")
    with pytest.raises(DataError) as caught:
        table.require(["path", "patient", "site", "x"])
    assert caught.value.problems == (
        "column 'path' is missing; did you mean 'Path'?",
        "column 'patient' is missing; did you mean 'patient_id'?",
        "column 'site' is missing",
        "column 'x' occurs more than once",
    )


def test_faults_of_several_tables_are_named_at_once_and_sound_ones_are_read(tmp_path):
    for name, text in (("a.csv", "x,y\n1,2\n"), ("b.csv", "X\n1\n"), ("c.csv", "x\n")):
        (tmp_path / name).write_text(text)
    problems = []
    columns = {"a.csv": ("x",), "b.csv": ("x",), "c.csv": ("x",), "d.csv": ("x",)}
    assert list(read_tables(tmp_path, columns, problems)) == ["a.csv"]
    wrong, empty, absent = map(str, problems)
    assert wrong == "b.csv: column 'x' is missing; did you mean 'X'?"
    assert empty.startswith("the table c.csv is empty")
    assert absent.startswith("the table d.csv is not in the dataset's folder")


@pytest.mark.parametrize(
    ("cell", "plain"),
    [("12.0", "12"), ("-1.00", "-1"), ("1.5", "1.5"), ("1.", "1"), ("a.0", "a.0"), ("", "")],
)
def test_whole_numbers_lose_their_fraction(cell, plain):
    assert plain_number(cell) == plain
