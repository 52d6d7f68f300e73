from types import SimpleNamespace

import torch
from fakes.skeletons import SkeletonSegmenter

from callbacks.checkpoint_files import newest_readable, read_checkpoint, write_checkpoint
from callbacks.checkpointing import Checkpointing
from callbacks.stop_request import StopRequest


def test_damaged_checkpoint_never_takes_the_place_of_the_one_before(tmp_path):
    last, previous = tmp_path / "last.ckpt", tmp_path / "previous.ckpt"
    for value in (1.0, 2.0):
        write_checkpoint({"state_dict": {"w": torch.tensor(value)}}, last)
    last.write_bytes(last.read_bytes()[:100])
    trainer = SimpleNamespace(
        is_global_zero=True,
        ckpt_path=str(newest_readable(tmp_path)[0]),
        fit_loop=SimpleNamespace(epoch_loop=SimpleNamespace()),
    )
    request = StopRequest(leading=True)
    Checkpointing(tmp_path, "log_loss", 10.0, None, request).on_train_start(trainer, None)
    write_checkpoint({"state_dict": {"w": torch.tensor(3.0)}}, last)
    assert read_checkpoint(previous)["state_dict"]["w"] == 1.0


def test_the_last_validated_epoch_is_kept_where_that_is_asked_for(tmp_path):
    module = SkeletonSegmenter()
    for keep_last, epochs in ((False, [0]), (True, [0, 1, 2])):
        callback = Checkpointing(
            tmp_path, "log_loss", 10.0, None, StopRequest(leading=True), keep_last=keep_last
        )
        kept = []
        for epoch in range(3):
            module.summaries["val"] = {"log_loss": 1.0 + epoch}
            trainer = SimpleNamespace(current_epoch=epoch, check_val_every_n_epoch=1)
            if callback._improved(trainer, module):
                kept.append(callback.best_epoch)
        assert kept == epochs
