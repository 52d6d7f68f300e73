import os
from functools import partial
from pathlib import Path

import pytest
from pydantic import ValidationError

from datamodules.demos import xray
from datamodules.errors import DataError
from datamodules.readers.demo import DemoReader


@pytest.fixture
def few_patients(monkeypatch):
    monkeypatch.setattr(xray, "draw_demo", partial(xray.draw_demo, patients=10))


@pytest.mark.usefixtures("few_patients")
def test_the_demo_is_drawn_into_the_cache_and_read_as_nih_chestxray14():
    table = DemoReader().read()
    assert table.root == Path(os.environ["LIGHTBOX_CACHE"]) / "demos" / "xray-v1"
    assert (table.name, table.public, table.has_patients) == ("demo-xray", True, True)
    assert {case.split for case in table.cases} == {"train_val", "test"}
    assert all((table.root / case.inputs["image"].path).is_file() for case in table.cases)


@pytest.mark.usefixtures("few_patients")
def test_the_second_reading_draws_nothing(monkeypatch):
    first = DemoReader().read()
    monkeypatch.setattr(xray, "draw_demo", None)
    assert DemoReader().read() == first


@pytest.mark.usefixtures("few_patients")
def test_the_demo_with_a_shortcut_is_another_one_and_says_so():
    plain, planted = DemoReader().read(), DemoReader(name="xray-shortcut").read()
    assert planted.root == plain.root.with_name("xray-shortcut-v1")
    assert planted.name == "demo-xray-shortcut"
    assert "shortcut is planted" in planted.notices[-1]
    assert not any("shortcut" in notice for notice in plain.notices)


@pytest.mark.parametrize(
    "name", ["segmentation-2d", "segmentation-3d", "volume", "slide", "detection", "detection-3d"]
)
def test_only_films_have_candidates(name):
    with pytest.raises(ValidationError, match=f"the demo '{name}' has no candidates; xray has"):
        DemoReader(name=name, candidates=True)


def test_a_root_of_its_own_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"leave out --data\.reader\.root"):
        DemoReader(root=str(tmp_path)).read()
