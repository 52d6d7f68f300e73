from pathlib import Path

import numpy as np
import pytest

from datamodules.batches import UNKNOWN
from datamodules.cases import Case, CaseTable, Source, Structure
from datamodules.data_info import LabelSet
from datamodules.errors import ConfigError, DataError
from datamodules.structures import Outlines

CASE = Case("a", "a", {"image": Source("a.nii")}, {"mask": Source("b.nii")})
LIVER, TUMOUR = Structure("liver", (1,)), Structure("tumour", (2,))


def outlines(*structures: Structure, wanted=(), ignore=None) -> Outlines:
    table = CaseTable("set", Path(), (CASE,), structures=structures, ignore_value=ignore)
    return Outlines.of(table, wanted)


def test_values_become_the_numbers_of_structures_in_order():
    found = outlines(TUMOUR, LIVER).from_label_map(np.array([0, 1, 2]))
    assert found.tolist() == [[0, 2, 1]]


def test_structure_that_is_not_wanted_is_background():
    found = outlines(LIVER, TUMOUR, wanted=("tumour",))
    assert found.from_label_map(np.array([0, 1, 2])).tolist() == [[0, 0, 1]]
    assert found.labels.names == ("tumour",)


def test_structures_that_share_a_value_have_a_channel_each():
    whole = Structure("whole", (1, 2))
    found = outlines(whole, TUMOUR)
    assert (found.overlapping, found.labels.exclusive) == (True, False)
    assert found.from_label_map(np.array([0, 1, 2])).tolist() == [[0, 1, 1], [0, 0, 1]]


def test_ignored_value_is_unknown_in_every_channel():
    whole = Structure("whole", (1, 2))
    found = outlines(whole, TUMOUR, ignore=3).from_label_map(np.array([3, 2]))
    assert found.tolist() == [[UNKNOWN, 1], [UNKNOWN, 1]]


def test_value_that_is_nobodys_is_refused_with_what_is_known():
    with pytest.raises(DataError, match=r"it has 7, 9, and the labels are 0, 1, 2"):
        outlines(LIVER, TUMOUR).from_label_map(np.array([0, 7, 9]))


def test_structure_without_a_mask_of_its_own_is_unknown():
    found = outlines(Structure("lung"), Structure("heart"))
    mask = found.from_masks({"heart": np.array([0, 5])})
    assert mask.tolist() == [[UNKNOWN, UNKNOWN], [0, 1]]


def test_case_with_masks_of_other_structures_only_is_refused():
    with pytest.raises(DataError, match="a mask of none of lung"):
        outlines(Structure("lung")).from_masks({"heart": np.zeros(2)})


def test_name_that_is_nearly_right_is_suggested():
    with pytest.raises(ConfigError, match="did you mean 'tumour'"):
        outlines(LIVER, TUMOUR, wanted=("tumor",))


def test_dataset_without_masks_is_refused():
    with pytest.raises(ConfigError, match="has no masks"):
        outlines()


def test_case_with_a_mask_of_another_structure_only_is_not_annotated():
    heart = Case("a", "a", {}, {"masks": {"heart": Source("h.png")}})
    assert outlines(Structure("heart"), Structure("lung")).annotate(heart)
    assert not outlines(Structure("heart"), Structure("lung"), wanted=("lung",)).annotate(heart)
    assert not outlines(LIVER).annotate(Case("b", "b", {}))


def test_label_map_says_nothing_of_a_structure_without_values():
    vessel = Structure("vessel")
    mask = outlines(LIVER, vessel).from_label_map(np.array([0, 1]))
    assert mask.tolist() == [[0, 1], [UNKNOWN, UNKNOWN]]
    assert outlines(LIVER, vessel).annotate(CASE)
    assert not outlines(LIVER, vessel, wanted=("vessel",)).annotate(CASE)


def test_dataset_that_lacks_a_structure_of_the_model_leaves_it_unknown():
    table = CaseTable("set", Path(), (CASE,), structures=(TUMOUR, Structure("spleen", (5,))))
    found = Outlines.of_model(table, ("liver", "tumour"))
    assert found.names == ("liver", "tumour")
    mask = found.from_label_map(np.array([0, 2, 5]))
    assert mask.tolist() == [[UNKNOWN] * 3, [0, 1, 0]]
    said = found.caveats(table, LabelSet(("liver", "tumour"), exclusive=True))
    assert said == ["set does not outline 'liver': how well it is found is not known."]


def test_dataset_with_the_structures_of_the_model_is_read_in_the_models_order():
    table = CaseTable("set", Path(), (CASE, Case("b", "b", {})), structures=(TUMOUR, LIVER))
    found = Outlines.of_model(table, ("liver", "tumour"))
    assert found.from_label_map(np.array([0, 1, 2])).tolist() == [[0, 1, 2]]
    said = found.caveats(table, LabelSet(("liver", "tumour"), exclusive=True))
    assert said == ["Cases without a mask, which are left out: 1."]


@pytest.mark.parametrize(
    ("liver", "exclusive", "told"),
    [
        ((1, 2), True, "Structures of set overlap, unlike"),
        ((1,), False, "Structures of set exclude one another, unlike"),
        ((1, 2), False, ""),
        ((1,), True, ""),
    ],
)
def test_structures_that_overlap_elsewhere_only_are_remarked_on(liver, exclusive, told):
    structures = (Structure("liver", liver), TUMOUR)
    table = CaseTable("set", Path(), (CASE,), structures=structures)
    found = Outlines.of_model(table, ("liver", "tumour"))
    said = found.caveats(table, LabelSet(("liver", "tumour"), exclusive=exclusive))
    assert "".join(said).startswith(told)
    assert bool(said) == bool(told)


@pytest.mark.parametrize(
    ("structures", "told"),
    [((LIVER,), "has masks of liver, and the model outlines heart"), ((), "has no masks, and")],
)
def test_dataset_without_any_structure_of_the_model_is_refused(structures, told):
    table = CaseTable("set", Path(), (CASE,), structures=structures)
    with pytest.raises(DataError, match=told):
        Outlines.of_model(table, ("heart",))


def test_dataset_of_which_no_case_is_annotated_is_refused():
    table = CaseTable("set", Path(), (Case("b", "b", {}),), structures=(LIVER,))
    with pytest.raises(DataError, match="no case can be scored"):
        Outlines.of_model(table, ("liver",))
