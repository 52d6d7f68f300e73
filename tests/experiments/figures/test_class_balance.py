from itertools import pairwise

import pytest

from experiments.figures.class_balance import class_balance

pytestmark = pytest.mark.filterwarnings("error")


def test_bars_are_shares_of_the_split_with_their_counts():
    positives = {"train": {"Mass": 30, "Edema": 10}, "test": {"Mass": 1, "Edema": 5}}
    (axes,) = class_balance(positives, {"train": 200, "test": 50}).axes
    assert [bar.get_width() for bar in axes.patches] == [15, 5, 2, 10]
    assert [text.get_text() for text in axes.texts] == ["30", "10", "1", "5"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["Mass", "Edema"]


def test_legend_names_splits_with_their_size():
    figure = class_balance({"train": {"Mass": 30}, "val": {"Mass": 3}}, {"train": 2000, "val": 20})
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["train (n = 2,000)", "val (n = 20)"]


def test_bars_of_a_label_do_not_overlap():
    splits = {name: {"Mass": 1, "Edema": 1} for name in ("train", "val", "test")}
    (axes,) = class_balance(splits, dict.fromkeys(splits, 10)).axes
    spans = sorted((bar.get_y(), bar.get_y() + bar.get_height()) for bar in axes.patches)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))


def test_empty_split_and_no_label_still_make_a_figure():
    class_balance({"train": {"Mass": 0}, "val": {"Mass": 0}}, {"train": 9, "val": 0}).canvas.draw()
    class_balance({}, {}).canvas.draw()
