import os

import pytest
from fakes.evaluated_runs import evaluated_run

from experiments import wandb_staging
from experiments.wandb_staging import make_link, remove_link, staging


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "neutral").mkdir()
    monkeypatch.setattr(wandb_staging, "PLACE", tmp_path / "neutral")
    return evaluated_run(tmp_path / "runs").folder


def test_files_are_written_to_the_run_folder_under_a_neutral_name(folder, monkeypatch):
    monkeypatch.setenv("WANDB_DATA_DIR", "before")
    with staging(folder):
        place = os.environ["WANDB_DATA_DIR"]
        assert place == str(wandb_staging.PLACE / "lightbox-ab12cd34")
        (wandb_staging.PLACE / "lightbox-ab12cd34" / "file").touch()
    assert os.environ["WANDB_DATA_DIR"] == "before"
    assert (folder.path / "wandb" / "staged" / "file").exists()


def test_link_that_a_killed_attempt_left_is_replaced(folder, tmp_path):
    (wandb_staging.PLACE / "lightbox-ab12cd34").symlink_to(tmp_path)
    assert make_link(folder).resolve() == folder.path / "wandb" / "staged"


def test_what_is_no_link_is_left_alone(folder):
    (wandb_staging.PLACE / "lightbox-ab12cd34").mkdir()
    with pytest.raises(FileExistsError):
        make_link(folder)
    remove_link("ab12cd34")
    assert (wandb_staging.PLACE / "lightbox-ab12cd34").is_dir()


def test_removing_the_link_leaves_the_files(folder):
    (make_link(folder) / "file").touch()
    remove_link("ab12cd34")
    remove_link("ab12cd34")
    assert not list(wandb_staging.PLACE.iterdir())
    assert (folder.path / "wandb" / "staged" / "file").exists()
