import pytest

from datamodules.whole_files import whole_file, whole_text, write_whole


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
