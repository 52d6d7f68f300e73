from datamodules.readers.patient_ids import patient_notices, plain_id


def test_an_id_is_composed_and_has_no_blanks_about_it():
    assert plain_id(" Zoe\u0301\u00a0") == "Zo\u00e9"


def test_at_most_three_near_pairs_are_shown():
    (notice,) = patient_notices([f"{zeros}{n}" for n in range(1, 6) for zeros in ("", "00")])
    assert "'1' and '001', '2' and '002', '3' and '003' and 2 more pairs" in notice


def test_ids_that_a_spreadsheet_shortened_are_noticed():
    (notice,) = patient_notices(["1.23457E+11", "17", "e1"])
    assert "such as 1.23457E+11: 1;" in notice


def test_distinct_ids_are_not_noticed():
    assert patient_notices(["10", "100", "p1", "p2", "p1"]) == ()
