import pytest

from callbacks.provenance import KEY, Provenance
from datamodules.errors import CheckpointError

OURS = {"run": "a", "data": {"labels": ["x"]}, "settings": {"seed": "0", "new": "1"}}


def load(**theirs):
    provenance = Provenance(OURS, must_match=("run", "settings", "data"))
    provenance.on_load_checkpoint(None, None, {KEY: {**OURS, **theirs}})


def test_checkpoint_of_the_same_run_is_taken():
    load()


def test_setting_that_older_code_did_not_know_is_no_difference():
    load(settings={"seed": "0", "old": "2"})


@pytest.mark.parametrize(
    ("theirs", "message"),
    [
        ({"run": "b"}, "differs in run"),
        ({"settings": {"seed": "1"}}, r"differs in settings \(seed\)"),
        ({"data": {}}, "differs in data"),
        ({"settings": None}, "differs in settings"),
    ],
)
def test_what_differs_is_named(theirs, message):
    with pytest.raises(CheckpointError, match=message):
        load(**theirs)


def test_checkpoint_of_something_else_is_refused():
    provenance = Provenance(OURS, must_match=("run", "settings", "data"))
    with pytest.raises(CheckpointError, match="differs in run, settings, data"):
        provenance.on_load_checkpoint(None, None, {})
