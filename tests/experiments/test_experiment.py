import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamodules.errors import ConfigError
from experiments.catalog.index import find
from experiments.experiment import Experiment
from lightning_modules.configs.losses import FocalConfig


def written(tmp_path, text):
    file = tmp_path / "experiment.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_yaml_out_and_in_gives_an_equal_experiment(tmp_path):
    demo = find("demo-xray")
    changed = demo.replace(task=demo.task.replace(loss=FocalConfig(gamma=1.5, alpha=0.25)))
    assert Experiment.from_yaml(written(tmp_path, changed.to_yaml())) == changed


def test_a_short_file_is_filled_with_defaults(tmp_path):
    read = Experiment.from_yaml(written(tmp_path, "name: mine\ntrainer: {max_epochs: 3}\n"))
    assert (read.trainer.max_epochs, read.trainer.precision) == (3, "32")


def test_an_experiment_cannot_be_changed_in_place():
    with pytest.raises(ValueError, match="frozen"):
        find("demo-xray").seed = 3


@given(st.sampled_from(["../x", "A", "", "a b", "-a", "a/b", "a.b"]))
def test_a_name_that_is_no_folder_name_is_refused(name):
    with pytest.raises(ValueError, match="should match pattern"):
        Experiment(name=name)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("name: x\ntrainer: {max_epoch: 3}", "trainer.max_epoch"),
        ("name: x\ntrainer: {max_epochs: 0}", "trainer.max_epochs"),
        ("name: x\ntask: {optimizer: {kind: adamw, lr: abc}}", "lr"),
        ("name: x\ntask: {loss: {kind: focl}}", "task.loss"),
        ("trainer: {max_epochs: 3}", "name"),
    ],
)
def test_a_wrong_field_is_named(tmp_path, text, named):
    with pytest.raises(ConfigError, match=named):
        Experiment.from_yaml(written(tmp_path, text))


def test_every_wrong_field_is_in_one_message(tmp_path):
    with pytest.raises(ConfigError) as caught:
        Experiment.from_yaml(written(tmp_path, "name: A\nseed: -1\ntrainer: {nodes: 0}\n"))
    assert [name in str(caught.value) for name in ("name", "seed", "trainer.nodes")] == [True] * 3


@pytest.mark.parametrize("text", ["a: [", "\x00", "[1, 2]", "", "just words", "a: !!python/none"])
def test_a_file_that_is_no_experiment_is_refused(tmp_path, text):
    with pytest.raises(ConfigError, match=r"experiment\.yaml"):
        Experiment.from_yaml(written(tmp_path, text))


def test_a_file_that_names_code_runs_nothing(tmp_path):
    marker = tmp_path / "ran"
    text = f"name: !!python/object/apply:os.mkdir ['{marker}']"
    with pytest.raises(ConfigError):
        Experiment.from_yaml(written(tmp_path, text))
    assert not marker.exists()


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(ConfigError, match="cannot read"):
            Experiment.from_yaml(path)


def test_a_file_in_another_encoding_is_refused(tmp_path):
    (tmp_path / "latin.yaml").write_bytes("name: x\ndescription: Köln".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"latin\.yaml"):
        Experiment.from_yaml(tmp_path / "latin.yaml")


def test_public_values_hold_no_local_path():
    demo = find("demo-xray")
    private = demo.replace(
        data=demo.data.replace(reader=demo.data.reader.replace(root="/home/me")),
        task=demo.task.replace(init_from="/home/me/run"),
    )
    assert "/home/me" in private.to_yaml()
    assert "/home/me" not in repr(private.public())
