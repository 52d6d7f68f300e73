import pytest

from experiments.reporting.metric_words import in_sentence
from experiments.reporting.table import Table
from experiments.reporting.words import number, short


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("iou", "IoU (Jaccard)"),
        ("auroc", "AUROC"),
        ("hd95_mm", "HD95, mm"),
        ("f1", "F1"),
        ("dice", "dice"),
        ("average_precision", "average precision"),
    ],
)
def test_only_words_are_small_inside_a_sentence(name, said):
    assert in_sentence(name) == said


def test_a_count_has_no_decimals():
    cell = Table("", ("",)).cell({"value": 3.0, "low": 1.0, "high": 1200.0}, whole=True)
    assert (cell.text, cell.detail) == ("3", "1\N{EN DASH}1,200")


def test_what_is_small_is_never_shown_as_nothing():
    assert number(1.2e-5) == "<0.001"
    assert short(1.2e-5) == "below 0.001"
    assert number(0.0) == "0.000"
