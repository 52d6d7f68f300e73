import numpy as np
import pytest

from datamodules.cases import Case
from datamodules.errors import ConfigError
from datamodules.table_features import TableColumn, check_known, encode, fit_columns


def cases(*attributes, site=None):
    return [Case(str(n), str(n), {}, site=site, attributes=a) for n, a in enumerate(attributes)]


def test_numbers_are_standardised_and_say_whether_they_are_known():
    known = cases({"age": 20.0}, {"age": 40.0}, {"age": None})
    columns = fit_columns(["age"], known)
    assert encode(columns, known).tolist() == [[-1, 1], [1, 1], [0, 0]]


def test_infinite_number_counts_as_not_known():
    columns = fit_columns(["age"], cases({"age": 20.0}, {"age": 40.0}, {"age": float("inf")}))
    assert (columns[0].mean, columns[0].std) == (30, 10)
    assert encode(columns, cases({"age": float("inf")})).tolist() == [[0, 0]]


def test_text_has_a_column_a_value_and_unknown_values_none():
    columns = fit_columns(["sex"], cases({"sex": "M"}, {"sex": "F"}))
    assert encode(columns, cases({"sex": "F"}, {"sex": "X"}, {})).tolist() == [
        [1, 0],
        [0, 0],
        [0, 0],
    ]


def test_constant_number_does_not_explode():
    columns = fit_columns(["age"], cases(*({"age": 0.1} for _ in range(3))))
    assert encode(columns, cases({"age": 0.2}))[0, 0] == pytest.approx(0.1)
    assert encode(columns, cases({"age": 999.0}))[0, 0] == 10


def test_values_that_a_model_does_not_know_are_counted():
    columns = fit_columns(["sex"], cases({"sex": "M"}, {"sex": "F"}))
    assert check_known(columns, cases({"sex": "M"})) == []
    (said,) = check_known(columns, cases({"sex": "male"}, {"sex": "male"}))
    assert "'male' (2); it knows F, M" in said
    with pytest.raises(ConfigError, match="also uses 'sex'"):
        check_known(columns, cases({"age": 3.0}))


def test_site_is_an_attribute_too():
    assert fit_columns(["site"], cases({}, site="North"))[0].levels == ("North",)


def test_unknown_attribute_names_those_that_are_there():
    with pytest.raises(ConfigError, match=r"no training case has 'weight'; they have age"):
        fit_columns(["weight"], cases({"age": 3.0}))


def test_column_survives_a_checkpoint():
    column = fit_columns(["age"], cases({"age": 1.0}, {"age": 2.0}))[0]
    assert TableColumn.from_dict(column.to_dict()) == column


def test_no_columns_are_an_empty_table():
    assert encode((), cases({}, {})).shape == (2, 0)
    assert encode((), cases({})).dtype == np.float32
