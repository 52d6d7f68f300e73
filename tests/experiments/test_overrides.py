import pytest

from datamodules.errors import ConfigError
from datamodules.readers.chexpert import ChexpertReader
from datamodules.readers.csv_table import CsvReader
from experiments.catalog.index import find
from experiments.command_line import parse_run
from lightning_modules.configs.losses import ClassBalancedConfig, FocalConfig
from lightning_modules.configs.optimizers import SGDConfig


def started(*words):
    return parse_run(words).experiment


@pytest.mark.parametrize(
    "words",
    [
        ("--trainer.max-epochs", "3"),
        ("--trainer.max_epochs", "3"),
        ("--trainer.max-epochs=3",),
        ("--trainer.max_epochs=3",),
    ],
)
def test_an_option_has_four_spellings(words):
    assert started("demo-xray", *words).trainer.max_epochs == 3


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (("--data.labels", "Nodule", "Mass"), ("Nodule", "Mass")),
        (("--data.labels", "a,b"), ("a,b",)),
        (("--data.labels=-odd",), ("-odd",)),
        (("--data.labels",), ()),
    ],
)
def test_a_list_takes_any_number_of_words(words, value):
    assert started("demo-xray", *words).data.labels == value


@pytest.mark.parametrize(
    ("words", "value"),
    [(("0", "2"), (0, 2)), (("1",), (1,)), (("empty",), ()), (("none",), None)],
)
def test_a_list_that_may_be_absent_takes_any_number_of_words(words, value):
    option = "--data.augmentation.mirror"
    assert started("demo-segmentation-3d", option, *words).data.augmentation.mirror == value


def test_a_list_that_may_be_absent_is_not_emptied_by_mistake():
    with pytest.raises(ConfigError, match="mirror needs a value, or empty, or none"):
        started("demo-segmentation-3d", "--data.augmentation.mirror")


@pytest.mark.parametrize(
    ("words", "value"),
    [(("1,1,1", "2,2,1"), ((1, 1, 1), (2, 2, 1))), (("none",), None), (("1,1",), ((1, 1),))],
)
def test_rows_of_numbers_have_commas(words, value):
    option = "--task.network.strides"
    assert started("demo-segmentation-3d", option, *words).task.network.strides == value


def test_values_get_the_type_of_their_field():
    words = "--task.optimizer.lr 3e-4 --trainer.compile True --trainer.ema-decay 0.9 --seed 7"
    experiment = started("demo-xray", *words.split(), "--description", "two words")
    trainer = experiment.trainer
    assert (experiment.task.optimizer.lr, trainer.compile, trainer.ema_decay) == (3e-4, True, 0.9)
    assert (experiment.seed, experiment.description) == (7, "two words")


def test_a_choice_of_numbers_takes_one_of_them():
    assert started("demo-volume", "--task.network.depth", "18").task.network.depth == 18
    with pytest.raises(ConfigError, match="must be 10, 18, 34 or 50, not 19"):
        started("demo-volume", "--task.network.depth", "19")


def test_none_is_a_value_only_where_it_can_be():
    assert (
        started("demo-xray", "--trainer.clip-gradient-norm", "none").trainer.clip_gradient_norm
        is None
    )
    assert started("demo-xray", "--logging.project", "none").logging.project == "none"


def test_a_pair_takes_two_words():
    words = ("--data.preprocessing.clip-percentiles", "1", "99.5")
    assert started("demo-xray", *words).data.preprocessing.clip_percentiles == (1.0, 99.5)


def test_an_override_changes_nothing_else():
    changed = started("demo-xray", "--trainer.max-epochs", "3")
    assert changed.replace(trainer=find("demo-xray").trainer) == find("demo-xray")


@pytest.mark.parametrize("words", [("--task.loss.kind", "focal"), ("--task.loss.kind=focal",)])
def test_another_kind_brings_its_defaults(words):
    assert started("demo-xray", *words).task.loss == FocalConfig()


def test_another_kind_brings_its_options_in_any_order():
    words = ("--task.loss.beta", "0.5", "--task.loss.kind", "class-balanced")
    assert started("demo-xray", *words).task.loss == ClassBalancedConfig(beta=0.5)


def test_the_same_kind_changes_nothing():
    assert started("demo-xray", "--task.optimizer.kind", "adamw") == find("demo-xray")


def test_what_both_kinds_inherit_is_kept():
    optimizer = started("demo-xray", "--task.optimizer.kind", "sgd").task.optimizer
    assert optimizer == SGDConfig(lr=1e-3, weight_decay=1e-2)


def test_another_reader_does_not_keep_the_root_of_the_last():
    here = started("demo-xray", "--data.reader.root", "/here")
    assert here.data.reader.root == "/here"
    words = ("--data.reader.kind", "csv", "--data.reader.root", "/there")
    assert started("demo-xray", *words).data.reader == CsvReader(root="/there")


def test_a_root_in_a_file_is_not_kept_by_another_reader(tmp_path):
    (tmp_path / "own.yaml").write_text("name: own\ndata: {reader: {kind: folder, root: /films}}")
    words = ("--config", str(tmp_path / "own.yaml"), "--data.reader.kind", "csv")
    assert started(*words).data.reader == CsvReader()


def test_a_kind_that_is_a_plain_choice_is_set_like_any_field():
    words = ("--task.optimizer.schedule.kind", "constant")
    assert started("demo-xray", *words).task.optimizer.schedule.kind == "constant"


def test_a_group_of_options_is_no_option():
    with pytest.raises(
        ConfigError, match=r"uncertain is a group of options, such as --data\.reader"
    ):
        started("chexpert", "--data.reader.uncertain", "one")


def test_a_policy_of_one_label_is_set_and_the_others_stay():
    words = ("--data.reader.uncertain.edema", "one", "--data.reader.blank.no-finding", "missing")
    reader = started("chexpert", *words).data.reader
    assert reader == ChexpertReader(uncertain={"edema": "one"}, blank={"no_finding": "missing"})


def test_policies_are_kept_by_a_file(tmp_path):
    words = ("--data.reader.uncertain.others", "missing", "--data.reader.views", "AP", "unknown")
    experiment = started("mimic-cxr", *words)
    (tmp_path / "mine.yaml").write_text(experiment.to_yaml())
    assert started("--config", str(tmp_path / "mine.yaml")) == experiment
    assert experiment.data.reader.uncertain.others == "missing"
