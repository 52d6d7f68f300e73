import pytest

from datamodules.cases import Structure
from datamodules.readers.structure_values import parse_structures


@pytest.mark.parametrize(
    ("text", "structure"),
    [
        ("liver=1", Structure("liver", (1,))),
        (" whole tumour = 1, 2,4 ", Structure("whole tumour", (1, 2, 4))),
        ("liver=1,1", Structure("liver", (1,))),
        ("left lung", Structure("left lung")),
    ],
)
def test_a_structure_is_a_name_with_or_without_values(text, structure):
    assert parse_structures([text]) == (structure,)


@pytest.mark.parametrize("text", ["", "=1", "liver=", "liver=-1", "liver=1.5", "a=b=1", "a=70000"])
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match=r"is no structure|values are 1 to"):
        parse_structures([text])


def test_names_that_are_alike_are_refused():
    with pytest.raises(ValueError, match="need different names"):
        parse_structures(["Liver=1", "liver=2"])


def test_values_are_given_to_all_structures_or_to_none():
    with pytest.raises(ValueError, match="give each structure its values"):
        parse_structures(["liver=1", "vessel"])
