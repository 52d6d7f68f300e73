import pytest

from datamodules.cases import Case, Source
from datamodules.errors import DataError
from datamodules.problems import FaultyCasesError, Kind
from datamodules.readers.case_list import CaseList


def test_cases_with_one_id_are_a_problem_and_the_first_is_kept(tmp_path):
    cases = CaseList(tmp_path)
    for path in ("a.png", "b/a.png"):
        cases.add(Case("a", "a", {"image": Source(path)}))
    with pytest.raises(FaultyCasesError, match=r"a\.png and b/a\.png would both be") as caught:
        cases.table("some")
    assert [case.inputs["image"].path for case in caught.value.rest.cases] == ["a.png"]


def test_an_id_that_cannot_name_a_file_is_a_problem(tmp_path):
    cases = CaseList(tmp_path)
    cases.add(Case("a:b", "a", {}))
    with pytest.raises(FaultyCasesError, match="'a:b' has a character"):
        cases.table("some")


def test_a_missing_image_a_missing_mask_and_a_link_out_are_of_different_kinds(tmp_path):
    (tmp_path / "link.png").symlink_to("/etc/hostname")
    cases = CaseList(tmp_path)
    assert cases.images("a", {"image": "a.png"}) == {}
    assert cases.mask("a", "mask.png") == {}
    assert cases.masks("a", {"liver": "link.png"}) == {}
    assert [each.kind for each in cases.problems] == [Kind.MISSING, Kind.LABEL, Kind.PATH]


def test_a_case_that_lacks_one_of_its_masks_is_not_annotated(tmp_path):
    (tmp_path / "liver.png").touch()
    cases = CaseList(tmp_path)
    assert cases.separate_masks("a", {"liver": "liver.png", "spleen": "spleen.png"}) == {}
    assert cases.separate_masks("a", {"liver": "liver.png"}) == {
        "masks": {"liver": Source("liver.png")}
    }


def test_where_most_images_are_missing_the_root_is_asked_about(tmp_path):
    cases = CaseList(tmp_path)
    for name in "abc":
        cases.add(Case(name, name, cases.images(name, {"image": f"{name}.png"})))
    with pytest.raises(DataError, match=r"3 of 3 images are not there: is --data\.reader\.root"):
        cases.table("some")


def test_no_case_and_no_problem_is_an_error(tmp_path):
    with pytest.raises(DataError, match="has no cases"):
        CaseList(tmp_path).table("some")
