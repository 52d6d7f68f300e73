import pytest
from fakes import bags, slides

from datamodules import feature_formats
from datamodules.errors import DataError
from datamodules.readers.tile_features import FEATURE_ENDINGS, FeaturesReader


def reader(root, *rows, **settings):
    slides.write_table(root / "labels.csv", ("slide", "label"), rows)
    return FeaturesReader(root=str(root), **settings)


def test_a_row_without_ending_leads_to_the_features_of_its_slide(tmp_path):
    for name in ("a", "b"):
        bags.write_trident(tmp_path / "features_uni" / f"{name}.h5", bags.draw())
    table = reader(tmp_path, ("a", "normal"), ("b.h5", "tumour")).read()
    assert [case.case_id for case in table.cases] == ["a", "b"]
    source = table.cases[1].inputs["features"]
    assert feature_formats.read_bag(tmp_path / source.path, source.selector).tile_side == 512


def test_a_file_is_not_opened(tmp_path):
    slides.touch(tmp_path, "a.pt", "b.pt", "c.pt")
    table = reader(tmp_path, ("a", "x"), ("b", "y")).read()
    assert "Files of features that no row names, left out: 1." in table.notices


def test_two_files_of_a_slide_are_refused(tmp_path):
    slides.touch(tmp_path, "h5_files/a.h5", "pt_files/a.pt", "pt_files/b.pt")
    with pytest.raises(DataError, match=r"may be any of h5_files/a\.h5, pt_files/a\.pt"):
        reader(tmp_path, ("a", "x"), ("b", "y")).read()
    table = reader(tmp_path, ("pt_files/a", "x"), ("pt_files/b", "y")).read()
    assert table.cases[0].inputs["features"].path == "pt_files/a.pt"


def test_every_ending_that_is_listed_can_be_read(tmp_path):
    for ending in FEATURE_ENDINGS:
        with pytest.raises(DataError, match="no such file"):
            feature_formats.read_bag(tmp_path / f"a{ending}")
