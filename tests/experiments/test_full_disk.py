"""A disk that fills up in the middle of a run: told in a line, nothing lost; the run goes on."""

import logging
import os
from functools import partial

import pytest
import pytorch_lightning as pl
from fakes.run_contents import everything, logged
from fakes.small_disk import FILLER, fill, small_disk
from fakes.tiny_experiment import tiny_experiment

from experiments.exit_codes import guarded
from experiments.experiment import Experiment
from experiments.run_folder import RunFolder
from experiments.run_log import logged_to
from experiments.session import resume, start

FULL_AT_STEP = 9
PAGE = os.sysconf("SC_PAGE_SIZE")


class FillDisk(pl.Callback):
    def __init__(self, disk, free):
        self.disk, self.free = disk, free

    def on_train_batch_end(self, trainer, *arguments):
        if trainer.global_step == FULL_AT_STEP:
            fill(self.disk, self.free)


def small_experiment(root) -> Experiment:
    tiny = tiny_experiment(root, epochs=3)
    network = tiny.task.network.replace(encoder="test_efficientnet")
    trainer = tiny.trainer.replace(checkpoint_every_steps=2)
    return tiny.replace(task=tiny.task.replace(network=network), trainer=trainer)


@pytest.mark.slow
def test_run_that_filled_the_disk_goes_on_as_if_nothing_had_happened(tmp_path, monkeypatch, capfd):
    experiment = small_experiment(tmp_path / "data")
    whole = start(experiment)
    with small_disk(tmp_path / "disk", 20_000) as disk:
        for free in (0, 100_000):  # with and without room for status.json
            monkeypatch.setenv("LIGHTBOX_RUNS", str(disk / str(free)))
            capfd.readouterr()
            assert guarded(partial(start, experiment, callbacks=[FillDisk(disk, free)])) == 6
            (disk / FILLER).unlink()
            told = capfd.readouterr().err
            assert "error: checkpoint last.ckpt could not be written (No space left on" in told
            assert "Traceback" not in told
            folder = RunFolder.open(next(disk.glob(f"{free}/*/*")))
            assert folder.status()["state"] == ("failed" if free else "training")
            resume(folder)
            assert everything(folder) == everything(whole)
            assert logged(folder) == logged(whole)


def test_log_that_cannot_be_written_costs_no_word_on_the_console(tmp_path, capfd):
    with small_disk(tmp_path / "disk", 64) as disk:
        (disk / "run.log").write_text("x" * PAGE)
        fill(disk, free=0)
        with logged_to(disk / "run.log"):
            logging.getLogger("lightbox").info("what happened")
        assert capfd.readouterr().err == "what happened\n"
