import pytest

from datamodules.cases import Case, CaseTable, Source
from datamodules.errors import ConfigError, DataError
from datamodules.exams import group_exams


def image(name, exam, view, findings=None, patient="p", **facts):
    return Case(
        name,
        patient,
        {"image": Source(f"{name}.png")},
        {"findings": findings or {}},
        attributes={"view": view, "age": 50.0},
        exam_id=exam,
        **facts,
    )


def table(*cases):
    return CaseTable("films", None, cases, findings=("Mass",))


def test_images_of_an_exam_become_the_inputs_of_one_case_frontal_first():
    grouped = group_exams(
        table(image("a", "p/s1", "LATERAL"), image("b", "p/s1", "PA"), image("c", "p/s2", "PA"))
    )
    assert [case.case_id for case in grouped.cases] == ["p_s1", "p_s2"]
    assert [str(source) for source in grouped.cases[0].inputs.values()] == ["b.png", "a.png"]
    assert grouped.cases[0].attributes == {"view": "LATERAL + PA", "age": 50.0}


@pytest.mark.parametrize(
    ("values", "merged"), [((0, 1), 1), ((0, None), 0), ((None, None), None), ((1, None), 1)]
)
def test_a_finding_of_any_image_is_one_of_the_exam(values, merged):
    films = [image(str(n), "s", "PA", {"Mass": value}) for n, value in enumerate(values)]
    assert group_exams(table(*films)).cases[0].targets["findings"] == {"Mass": merged}


def test_what_one_view_does_not_say_another_may():
    films = [image("a", "s", "PA"), image("b", "s", "PA")]
    films[0].attributes["age"] = None
    assert group_exams(table(*films)).cases[0].attributes == {"view": "PA", "age": 50.0}


def test_exam_of_two_patients_is_refused():
    with pytest.raises(DataError, match="exam 's': patient is 'p' and 'q'"):
        group_exams(table(image("a", "s", "PA"), image("b", "s", "PA", patient="q")))


def test_dataset_without_exams_says_so():
    with pytest.raises(ConfigError, match=r"does not say which exam 1 of 2 images .*'b'"):
        group_exams(table(image("a", "s", "PA"), image("b", None, "PA")))


def test_the_fifth_image_of_an_exam_is_left_out_and_said():
    grouped = group_exams(table(*(image(str(n), "s", "PA") for n in range(5))))
    assert len(grouped.cases[0].inputs) == 4
    assert "of which 4 are used: 1" in grouped.notices[-1]


def test_images_of_several_channels_are_no_views_of_an_exam():
    case = image("a", "s", "PA")
    two = Case("b", "p", {**case.inputs, "t2": Source("t2.png")}, exam_id="s")
    with pytest.raises(ConfigError, match="have several channels"):
        group_exams(table(case, two))
