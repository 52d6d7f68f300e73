import pytest
from pydantic import ValidationError

from datamodules.readers.chexpert_labels import (
    OBSERVATIONS,
    BlankPolicies,
    ObservationCells,
    UncertainPolicies,
)

BLANK = dict.fromkeys(OBSERVATIONS, "")


def cells(**said):
    """A row of blanks but for what is said, by the first word of an observation."""
    row = dict(BLANK)
    for word, cell in said.items():
        row[next(name for name in OBSERVATIONS if name.startswith(word))] = cell
    return tuple(row.values())


def observed(row, uncertain=None, blank=None):
    policies = UncertainPolicies(**uncertain or {}), BlankPolicies(**blank or {})
    return ObservationCells(*policies).read(row)


def test_every_observation_has_a_policy_of_its_own():
    fields = [name.lower().replace(" ", "_") for name in OBSERVATIONS]
    assert set(BlankPolicies.model_fields) == {"others", *fields}
    assert set(UncertainPolicies.model_fields) == {"others", *fields} - {"no_finding"}


def test_by_default_uncertain_and_blank_are_zero():
    row = observed(cells(Edema="-1.0", Fracture="1.0", Pneumonia="0.0"))
    assert row == dict.fromkeys(OBSERVATIONS, 0.0) | {"Fracture": 1.0}


@pytest.mark.parametrize(("policy", "value"), [("zero", 0.0), ("one", 1.0), ("missing", None)])
def test_a_policy_decides_for_uncertain_and_for_blank_apart(policy, value):
    row = observed(cells(Edema="-1.0"), uncertain={"edema": policy}, blank={"edema": "one"})
    assert row["Edema"] == value
    row = observed(cells(Edema=""), uncertain={"edema": "one"}, blank={"edema": policy})
    assert row["Edema"] == value


def test_others_holds_for_all_that_have_no_policy_of_their_own():
    uncertain = {"others": "missing", "edema": "one"}
    row = observed(tuple(["1.0"] + ["-1.0"] * 13), uncertain)
    expected = dict.fromkeys(OBSERVATIONS[1:]) | {"No Finding": 1.0, "Edema": 1.0}
    assert row == expected


def test_a_blank_no_finding_stays_zero_where_others_are_missing():
    row = observed(tuple(BLANK.values()), blank={"others": "missing"})
    assert row == dict.fromkeys(OBSERVATIONS) | {"No Finding": 0.0}
    row = observed(tuple(BLANK.values()), blank={"no_finding": "as-others", "others": "missing"})
    assert row["No Finding"] is None


@pytest.mark.parametrize("cell", ["1.0", "1", "1.00"])
def test_whole_numbers_may_be_written_with_or_without_a_fraction(cell):
    assert observed(cells(Edema=cell))["Edema"] == 1.0


@pytest.mark.parametrize("cell", ["2.0", "0.5", "yes", "-2", "1.0.0"])
def test_another_value_is_named_with_its_column(cell):
    assert observed(cells(Edema=cell)).startswith(f"column 'Edema' is '{cell}'; a label is 1, 0")


def test_all_wrong_cells_of_a_row_are_named_and_no_finding_is_never_uncertain():
    fault = observed(cells(No="-1.0", Edema="3"))
    assert fault.startswith("column 'No Finding' is '-1.0', column 'Edema' is '3'; a label is")


def test_notices_count_the_labels_that_were_left_to_policies():
    reading = ObservationCells(UncertainPolicies(edema="one"), BlankPolicies(fracture="missing"))
    for _ in range(2):
        reading.read(cells(Edema="-1.0", Pneumonia="-1.0", Consolidation="1.0"))
    assert reading.notices() == [
        "Labels that are -1 (uncertain): 2 count as 0, 2 count as 1.",
        "Labels that are blank: 20 count as 0, 2 count as not known.",
    ]


def test_where_all_is_stated_there_is_nothing_to_notice():
    reading = ObservationCells(UncertainPolicies(), BlankPolicies())
    reading.read(("0.0",) * 14)
    assert reading.notices() == []


def test_an_unknown_policy_is_refused():
    with pytest.raises(ValidationError, match="'as-others', 'zero', 'one' or 'missing'"):
        UncertainPolicies(edema="two")
