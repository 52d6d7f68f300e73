import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from datamodules.schema import Settings
from experiments.catalog import xray_classifier
from experiments.catalog.index import find, recipes_of
from experiments.experiment import Experiment
from experiments.setting_tree import settings_of
from experiments.yaml_comments import commented_yaml

ODD_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


def read(text: str) -> Experiment:
    return Experiment.model_validate(yaml.safe_load(text))


@pytest.mark.parametrize("name", list(recipes_of(xray_classifier)))
def test_reading_it_gives_an_equal_experiment(name, tmp_path):
    file = tmp_path / "experiment.yaml"
    file.write_text(commented_yaml(find(name)), encoding="utf-8")
    assert Experiment.from_yaml(file) == find(name)


@given(ODD_TEXT, st.lists(ODD_TEXT, max_size=4))
def test_any_text_survives(description, tags):
    demo = find("demo-xray")
    odd = demo.replace(description=description, logging=demo.logging.replace(tags=tags))
    assert read(commented_yaml(odd)) == odd


@given(st.floats(min_value=1e-300, max_value=1e300))
def test_any_number_survives(lr):
    demo = find("demo-xray")
    task = demo.task.replace(optimizer=demo.task.optimizer.replace(lr=lr))
    assert read(commented_yaml(demo.replace(task=task))).task.optimizer.lr == lr


def test_every_field_carries_its_explanation():
    unwrapped = " ".join(commented_yaml(find("demo-xray")).replace("#", " ").split())
    for setting in settings_of(find("demo-xray")):
        assert " ".join(setting.explanation.split()) in unwrapped


def test_a_union_says_which_kinds_there_are():
    lines = commented_yaml(find("demo-xray")).splitlines()
    assert lines[lines.index("    kind: cross-entropy") - 1] == (
        "    # one of: cross-entropy, focal, class-balanced, ordinal"
    )


def test_choices_are_spelled_as_yaml_needs_them():
    text = commented_yaml(find("demo-xray"))
    assert "# one of: '32', bf16-mixed, 16-mixed" in text
    assert "# one of: auto, 'on', 'off'" in text


def test_comments_fit_a_hundred_columns():
    assert max(map(len, commented_yaml(find("xray-csv")).splitlines())) <= 100


def test_the_kind_comes_first():
    values = yaml.safe_load(commented_yaml(find("xray-csv")))
    assert next(iter(values["data"]["reader"])) == "kind"


def test_every_field_that_a_user_sees_is_documented():
    undocumented = [
        ".".join(setting.path)
        for name in recipes_of(xray_classifier)
        for setting in settings_of(find(name))
        if setting.path[-1] != "kind" and not setting.explanation
    ]
    assert undocumented == []


def test_settings_of_lists_values_not_groups():
    assert not any(isinstance(each.value, Settings) for each in settings_of(find("demo-xray")))


def test_reasons_stand_with_their_settings_and_notes_in_the_head():
    reasons = {("data", "batch_size"): "because 8 fit", ("data", "reader", "kind"): "as asked"}
    lines = commented_yaml(find("demo-xray"), reasons, ["first note", "second"]).splitlines()
    assert lines[1:4] == ["# first note", "# second", ""]
    assert lines[lines.index("  # because 8 fit") + 1].startswith("  batch_size: ")
    assert lines[lines.index("    # as asked") + 1] == "    kind: demo"
    assert read("\n".join(lines)) == find("demo-xray")
