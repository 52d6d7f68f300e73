import errno

import pytest
from fakes.small_disk import filled, names, small_disk

from datamodules.whole_files import append_lines, whole_file, whole_text, write_whole

FILL_LEVELS = 30


@pytest.mark.parametrize(("opened", "part"), [(whole_file, b"half"), (whole_text, "half")])
def test_broken_off_file_leaves_what_was_there_and_nothing_else(tmp_path, opened, part):
    write_whole(tmp_path / "a" / "file", "before")

    def break_off():
        with opened(tmp_path / "a" / "file") as file:
            file.write(part)
            raise InterruptedError

    with pytest.raises(InterruptedError):
        break_off()
    assert [path.read_text() for path in (tmp_path / "a").iterdir()] == ["before"]


def test_text_is_utf_8_and_a_name_that_is_none_is_its_bytes(tmp_path):
    write_whole(tmp_path / "file", "\N{GREEK SMALL LETTER BETA}\udcff\r\n")
    assert (tmp_path / "file").read_bytes() == b"\xce\xb2\xff\r\n"


@pytest.mark.parametrize("write", [write_whole, append_lines])
def test_full_disk_leaves_what_was_there_and_names_the_file(tmp_path, write):
    before, more = "before\n", "more\n" * 50_000
    with small_disk(tmp_path / "disk", 1024) as disk:
        write_whole(disk / "file", before)
        for part in range(FILL_LEVELS):
            with filled(disk, free=part * len(more) // FILL_LEVELS):
                with pytest.raises(OSError, match=r"No space left on device: 'file'") as caught:
                    write(disk / "file", more)
                assert caught.value.errno == errno.ENOSPC
                assert (disk / "file").read_text() == before
                assert names(disk) == ["file"]
        write(disk / "file", more)
        assert (disk / "file").read_text().endswith(more)


def test_lines_are_added_to_those_that_are_there(tmp_path):
    append_lines(tmp_path / "file", "one\n")
    append_lines(tmp_path / "file", "two\nthree\n")
    assert (tmp_path / "file").read_text() == "one\ntwo\nthree\n"
