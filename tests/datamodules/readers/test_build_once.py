import multiprocessing
import time

import pytest

from datamodules.errors import DataError
from datamodules.readers.build_once import build_once


def count_builds(target, log):
    def build(path):
        path.mkdir()
        with log.open("a") as file:
            file.write("built\n")
        time.sleep(0.2)
        (path / "whole").touch()

    build_once(target, build)
    if not (target / "whole").exists():
        raise RuntimeError("seen half built")


def test_several_processes_build_once_and_see_it_whole(tmp_path):
    fork = multiprocessing.get_context("fork")
    arguments = (tmp_path / "thing", tmp_path / "log")
    workers = [fork.Process(target=count_builds, args=arguments) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert (tmp_path / "log").read_text() == "built\n"


def test_a_failed_build_leaves_nothing_and_can_be_repeated(tmp_path):
    def fail(path):
        path.write_text("half")
        raise DataError("no network")

    with pytest.raises(DataError, match="no network"):
        build_once(tmp_path / "thing", fail)
    assert [path.name for path in tmp_path.iterdir() if "lock" not in path.name] == []
    build_once(tmp_path / "thing", lambda path: path.write_text("whole"))
    assert (tmp_path / "thing").read_text() == "whole"


def test_what_a_killed_process_left_is_built_anew(tmp_path):
    (tmp_path / ".thing.unfinished").mkdir()
    build_once(tmp_path / "thing", lambda path: path.write_text("whole"))
    assert (tmp_path / "thing").read_text() == "whole"


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"cannot write .*LIGHTBOX_CACHE"):
        build_once(tmp_path / "file" / "thing", lambda path: path.mkdir())
