import pytest
from fakes.tiny_experiment import tiny_experiment

from datamodules.cache_entries import cache_root, list_entries
from experiments.prepare import main
from experiments.run_folder import RunFolder


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(tiny_experiment(tmp_path / "data").to_yaml())
    return str(path)


def test_cache_is_built_ahead_and_found_by_the_run(config, capsys):
    assert main(["--config", config]) == 0
    assert capsys.readouterr().out.startswith("80 images: ")
    built = list_entries()[0].path.stat().st_ino
    assert main(["--config", config]) == 0
    assert [entry.path.stat().st_ino for entry in list_entries()] == [built]


def test_run_folder_is_prepared_before_its_job(config, tmp_path):
    run = RunFolder.create(tiny_experiment(tmp_path / "data"))
    assert main(["--resume", str(run.path)]) == 0
    assert not run.splits_file.exists()
    assert run.status()["state"] == "created"


def test_copy_is_a_cache_of_its_own(config, tmp_path, monkeypatch):
    node = tmp_path / "node"
    assert main(["--config", config, "--copy-to", str(node)]) == 0
    (own,) = list_entries()
    monkeypatch.setenv("LIGHTBOX_CACHE", str(node))
    (copied,) = list_entries()
    assert copied.damaged is None
    for file in own.path.iterdir():
        assert (copied.path / file.name).read_bytes() == file.read_bytes()


def test_damaged_copy_is_made_again(config, tmp_path, monkeypatch):
    node = tmp_path / "node"
    main(["--config", config, "--copy-to", str(node)])
    (images,) = node.glob("*/*/images.npy")
    images.write_bytes(images.read_bytes()[:-1])
    assert main(["--config", config, "--copy-to", str(node)]) == 0
    monkeypatch.setenv("LIGHTBOX_CACHE", str(node))
    assert list_entries()[0].damaged is None


def test_list_and_prune(config, capsys):
    main(["--config", config])
    (cache_root() / "demos").mkdir()
    (cache_root() / "demos" / ".xray-v1.lock").touch()  # is no entry
    capsys.readouterr()
    assert main(["--list"]) == 0
    assert "80 x 32 x 32" in capsys.readouterr().out
    assert main(["--prune", "1"]) == 0
    assert "0 entries removed" in capsys.readouterr().out
    assert main(["--prune", "0"]) == 0
    assert "1 entries removed" in capsys.readouterr().out
    assert not list(cache_root().glob("*/*/images.npy"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "what shall be prepared?"),
        (["--list", "--prune", "3"], "stand alone"),
        (["--prune", "-1"], "0 or more"),
        (["demo-xary"], "did you mean demo-xray"),
    ],
)
def test_wrong_words_are_one_message(words, message, capsys):
    assert main(words) == 2
    assert message in capsys.readouterr().err
