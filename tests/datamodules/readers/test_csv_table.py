import time

import pytest
from fakes import csv_table
from pydantic import ValidationError

from datamodules.errors import DataError
from datamodules.readers.csv_table import CsvReader


def read(root, columns, *rows, **settings):
    for row in rows:
        (root / "x").mkdir(exist_ok=True)
        if str(row[0]).startswith("x/"):
            (root / row[0]).touch()
    csv_table.write_table(root / "labels.csv", columns, list(rows))
    return CsvReader(root=str(root), **settings).read()


def problems(*arguments, **settings):
    with pytest.raises(DataError) as caught:
        read(*arguments, **settings)
    return caught.value.problems


def test_a_table_becomes_cases_with_everything_it_knows(tmp_path):
    csv_table.write(tmp_path)
    table = CsvReader(
        root=str(tmp_path),
        patient_column="patient",
        site_column="site",
        attribute_columns=("age", "sex"),
    ).read()
    case = table.cases[3]
    assert (len(table.cases), table.classes, table.has_patients) == (24, ("0", "1"), True)
    assert (case.case_id, case.patient_id, case.site) == ("p001_1", "p001", "B")
    assert case.inputs["image"].path == "images/p001_1.png"
    assert case.targets == {"class": "0"}
    assert case.attributes == {"age": 21.0, "sex": "F"}


def test_without_a_patient_column_each_image_is_a_patient(tmp_path):
    csv_table.write(tmp_path)
    table = CsvReader(root=str(tmp_path), patient_column="none").read()
    assert all(case.patient_id == case.case_id for case in table.cases)
    assert not table.has_patients


@pytest.mark.parametrize("column", ["patient", "Patient ID", "SubjectID", "mrn", "person_id"])
def test_a_column_of_patients_that_nobody_named_is_refused(tmp_path, column):
    rows = [("x/1.png", 0, "p"), ("x/2.png", 1, "p")]
    with pytest.raises(DataError, match=r"patient-column .*, or say --data\.reader\.patient"):
        read(tmp_path, ("path", "label", column), *rows)
    assert not read(tmp_path, ("path", "label", column), *rows, patient_column="None").has_patients


def test_a_column_of_splits_that_nobody_named_is_refused(tmp_path):
    rows = [("x/1.png", 0, "train"), ("x/2.png", 1, "Test")]
    with pytest.raises(DataError, match=r"'Split' that .* name it with --data\.reader\.split"):
        read(tmp_path, ("path", "label", "Split"), *rows)
    cases = read(tmp_path, ("path", "label", "Split"), *rows, split_column="none").cases
    assert [case.split for case in cases] == [None, None]


def test_a_column_that_only_sounds_like_patients_or_splits_is_not(tmp_path):
    rows = [("x/1.png", 0, "3", "a"), ("x/2.png", 1, "4", "b")]
    assert read(tmp_path, ("path", "label", "fold", "patient"), *rows).has_patients is False


def test_settings_of_before_may_say_null(tmp_path):
    assert CsvReader.model_validate({"patient_column": None}) == CsvReader()


def test_patient_ids_in_two_unicode_forms_are_one_and_near_ones_are_noticed(tmp_path):
    ids = ("Zoe\u0301", "Zo\u00e9", "P7", "p007")
    rows = [(f"x/{n}.png", n % 2, name) for n, name in enumerate(ids)]
    table = read(tmp_path, ("path", "label", "who"), *rows, patient_column="who")
    assert len({case.patient_id for case in table.cases}) == 3
    assert "'P7' and 'p007'" in table.notices[-1]


def test_classes_are_sorted_as_numbers_and_keep_their_type_of_text(tmp_path):
    rows = [(f"x/{n}.png", f"{n}.0") for n in (10, 9, 2)]
    assert read(tmp_path, ("path", "label"), *rows).classes == ("2", "9", "10")


def test_given_classes_fix_the_order_and_refuse_others(tmp_path):
    rows = [("x/1.png", "well"), ("x/2.png", "ill")]
    settings = {"classes": ("well", "ill")}
    assert read(tmp_path, ("path", "label"), *rows, **settings).classes == ("well", "ill")
    wrong = problems(tmp_path, ("path", "label"), *rows, ("x/3.png", "il"), **settings)
    assert wrong == (
        "row 4, case '3': column 'label' is 'il', not one of the classes; did you mean 'ill'?",
    )


def test_two_unordered_classes_are_noticed(tmp_path):
    table = read(tmp_path, ("path", "label"), ("x/1.png", "malignant"), ("x/2.png", "benign"))
    assert "'malignant' the second counts as positive" in table.notices[0]


@pytest.mark.parametrize("words", [("covid", "Normal"), ("no", "lesion"), ("abnormal", "normal")])
def test_of_two_classes_a_negative_word_comes_first(tmp_path, words):
    rows = [(f"x/{n}.png", word) for n, word in enumerate(words)]
    classes = read(tmp_path, ("path", "label"), *rows).classes
    assert classes[0].lower() in ("normal", "no")


def test_classes_that_differ_by_case_only_are_refused(tmp_path):
    rows = [("x/1.png", "Normal"), ("x/2.png", "normal"), ("x/3.png", "tb")]
    assert "'Normal' and 'normal' differ only" in problems(tmp_path, ("path", "label"), *rows)[0]


def test_a_number_in_two_spellings_is_one_class(tmp_path):
    rows = [("x/1.png", "1"), ("x/2.png", "01"), ("x/3.png", "2")]
    (problem,) = problems(tmp_path, ("path", "label"), *rows)
    assert problem.startswith("the classes '01' and '1' differ only in how they are written")


def test_minus_1_beside_0_and_1_is_no_class(tmp_path):
    rows = [("x/1.png", "-1"), ("x/2.png", "0"), ("x/3.png", "1")]
    (problem,) = problems(tmp_path, ("path", "label"), *rows)
    assert problem.startswith("row 2, case '1': column 'label' is -1 (uncertain)")
    assert read(tmp_path, ("path", "label"), rows[0], rows[2]).classes == ("-1", "1")


def test_a_class_that_stands_for_missing_is_quoted(tmp_path):
    rows = [("x/1.png", "None"), ("x/2.png", "tb"), ("x/3.png", "flu")]
    assert "is 'None', which stands for" in problems(tmp_path, ("path", "label"), *rows)[0]


@pytest.mark.parametrize(
    ("yes", "no"), [("Yes", "No"), ("Y", "n"), ("pos", "NEG"), ("TRUE", "false")]
)
def test_findings_may_be_words(tmp_path, yes, no):
    table = read(
        tmp_path,
        ("path", "a"),
        ("x/1.png", yes),
        ("x/2.png", no),
        label_columns=("a",),
        multi_label=True,
    )
    assert [case.targets["findings"]["a"] for case in table.cases] == [1.0, 0.0]


def test_when_most_images_are_missing_the_root_is_suspected(tmp_path):
    with pytest.raises(DataError, match=r"2 of 3 images are not there: is --data\.reader\.root"):
        read(tmp_path, ("path", "label"), ("x/1.png", 0), ("y/2.png", 1), ("y/3.png", 1))


def test_a_folder_that_may_not_be_read_is_no_traceback(tmp_path, monkeypatch):
    csv_table.write(tmp_path)

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.is_file", refuse)
    with pytest.raises(DataError, match=r"cannot be read: labels\.csv: permission denied"):
        CsvReader(root=str(tmp_path)).read()


def test_several_columns_are_findings_and_blanks_are_not_known(tmp_path):
    rows = [("x/1.png", "1.0", ""), ("x/2.png", "0", "NaN"), ("x/3.png", "True", "0")]
    table = read(tmp_path, ("path", "a", "b"), *rows, label_columns=("a", "b"))
    assert [case.targets["findings"] for case in table.cases] == [
        {"a": 1.0, "b": None},
        {"a": 0.0, "b": None},
        {"a": 1.0, "b": 0.0},
    ]
    assert (table.classes, table.findings) == ((), ("a", "b"))


@pytest.mark.parametrize(
    ("uncertain", "value"), [("missing", None), ("negative", 0.0), ("positive", 1.0)]
)
def test_an_uncertain_finding_means_what_the_setting_says(tmp_path, uncertain, value):
    rows = [("x/1.png", "-1")]
    settings = {"multi_label": True, "uncertain": uncertain}
    table = read(tmp_path, ("path", "label"), *rows, **settings)
    assert table.cases[0].targets["findings"] == {"label": value}


def test_everything_wrong_with_a_table_is_in_one_report(tmp_path):
    found = problems(
        tmp_path,
        ("path", "id", "label", "who", "side"),
        ("x/1.png", "a", "1", "p1", "train"),
        ("x/1.png", "a", "0", "NaN", "train"),
        ("gone.png", "c", "2", "p2", "val"),
        ("../up.png", "d", "", "p3", "holdout"),
        ("x/5.png", "e/f", "0", "p4", "TEST"),
        case_column="id",
        patient_column="who",
        split_column="side",
        classes=("0", "1"),
    )
    assert found == (
        "row 4, case 'c': there is no file gone.png",
        "row 5, case 'd': path '../up.png' leaves the root of the dataset; "
        "paths are relative to it",
        "row 6: case id 'e/f' has a character that a file name cannot have",
        "case id 'a' occurs more than once: rows 2, 3",
        "row 4, case 'c': column 'label' is '2', not one of the classes (0, 1)",
        "row 5, case 'd': column 'label' is empty; give a label or remove the row",
        "row 3, case 'a': column 'who' names no patient",
        "row 5, case 'd': column 'side' is 'holdout', not train, val or test",
    )


@pytest.mark.parametrize(
    ("value", "says"), [("-1", "is -1 .uncertain"), ("maybe", "is 'maybe'"), ("2", "is '2'")]
)
def test_a_finding_that_is_no_finding_is_named(tmp_path, value, says):
    with pytest.raises(DataError, match=f"row 2, case '1': column 'label' {says}"):
        read(tmp_path, ("path", "label"), ("x/1.png", value), multi_label=True)


def test_a_measured_value_is_no_class(tmp_path):
    assert "is 0.37, a fraction" in problems(tmp_path, ("path", "label"), ("x/1.png", "0.37"))[0]


def test_a_single_class_asks_for_the_others(tmp_path):
    with pytest.raises(DataError, match=r"is 'a'; name all the classes"):
        read(tmp_path, ("path", "label"), ("x/1.png", "a"), ("x/2.png", "a"))


def test_one_patient_in_two_spellings_of_a_number_is_one_patient(tmp_path):
    rows = [("x/1.png", 0, "12.0"), ("x/2.png", 1, "12")]
    table = read(tmp_path, ("path", "label", "who"), *rows, patient_column="who")
    assert {case.patient_id for case in table.cases} == {"12"}


def test_equal_file_names_in_two_folders_are_two_cases(tmp_path):
    (tmp_path / "x" / "y").mkdir(parents=True)
    table = read(tmp_path, ("path", "label"), ("x/1.png", 0), ("x/y/1.png", 1))
    assert [case.case_id for case in table.cases] == ["x__1", "x__y__1"]


def test_the_official_split_is_read_in_the_usual_words(tmp_path):
    words = ("training", "Valid", "test", "train_val")
    rows = [(f"x/{n}.png", n % 2, word) for n, word in enumerate(words)]
    table = read(tmp_path, ("path", "label", "side"), *rows, split_column="side")
    assert [case.split for case in table.cases] == ["train", "val", "test", "train_val"]


@pytest.mark.parametrize(
    "settings",
    [
        {"classes": ("a", "b"), "multi_label": True},
        {"label_columns": ()},
        {"label_columns": ("a", "a")},
        {"classes": ("a", "a")},
        {"colour": "red"},
    ],
)
def test_settings_that_do_not_fit_together_are_refused(settings):
    with pytest.raises(ValidationError):
        CsvReader(**settings)


def test_no_root_and_a_missing_root_are_said(tmp_path):
    with pytest.raises(DataError, match=r"give --data\.reader\.root"):
        CsvReader().read()
    with pytest.raises(DataError, match="is not there"):
        CsvReader(root=str(tmp_path / "gone")).read()


def test_a_table_of_20000_rows_is_read_in_a_second(tmp_path):
    (tmp_path / "a.png").touch()
    rows = [("a.png", n, n % 2) for n in range(20_000)]
    csv_table.write_table(tmp_path / "labels.csv", ("path", "id", "label"), rows)
    begin = time.process_time()
    CsvReader(root=str(tmp_path), case_column="id").read()
    assert time.process_time() - begin < 1.0
