import pytest

from datamodules.errors import ConfigError
from experiments.catalog import xray_classifier
from experiments.catalog.index import find, listing, recipe, recipes_of
from experiments.experiment import Experiment

NAMES = tuple(recipes_of(xray_classifier))


@pytest.mark.parametrize("name", NAMES)
def test_an_experiment_is_found_under_the_name_it_carries(name):
    assert find(name).name == name


def test_underscores_in_a_name_are_hyphens():
    assert find("demo_xray") == find("demo-xray")


def test_only_public_functions_of_the_module_itself_are_experiments(tmp_path, monkeypatch):
    code = (
        "from experiments.experiment import Experiment\n"
        "from experiments.catalog.xray_classifier import demo_xray\n"
        "def mine() -> Experiment: return demo_xray()\n"
        "def _private() -> Experiment: return demo_xray()\n"
        "def other() -> int: return 1\n"
    )
    (tmp_path / "own_experiments.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    import own_experiments

    assert list(recipes_of(own_experiments)) == ["mine"]


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(ConfigError, match="no experiment demo-xry; did you mean demo-xray"):
        find("demo-xry")


def test_the_listing_has_one_line_for_each_experiment_under_its_task():
    lines = listing().splitlines()
    assert "X-ray classification" in lines
    assert [sum(line.startswith(f"  {name} ") for line in lines) for name in NAMES] == [1] * len(
        NAMES
    )


def test_the_listing_fits_a_hundred_columns_and_says_how_to_go_on():
    assert max(map(len, listing().splitlines())) <= 100
    assert "python -m experiments.run NAME --help" in listing()


@pytest.mark.parametrize("name", NAMES)
def test_every_experiment_has_a_docstring_and_needs_no_argument(name):
    assert recipe(name).__doc__
    assert isinstance(recipe(name)(), Experiment)
