import os
from collections import Counter
from pathlib import Path

import pytest
from fakes import box_files as fake
from fakes.nih_chestxray14 import edit

from datamodules.errors import DataError
from datamodules.problems import Kind
from datamodules.readers.voc import VocReader


@pytest.fixture
def root(tmp_path):
    return fake.write_voc(tmp_path)


def read(root, **settings):
    return VocReader(root=str(root), **settings).read()


def examine(root, **settings):
    return VocReader(root=str(root), **settings).examine()


def annotation(root, name="p1_a"):
    return root / f"Annotations/{name}.xml"


def test_boxes_are_edges_from_zero(root):
    table = read(root)
    assert {case.case_id: case.targets["boxes"] for case in table.cases} == fake.BOXES
    assert table.objects == ("cell", "dust")


def test_lists_are_the_official_split(root):
    sides = {case.case_id: case.split for case in read(root).cases}
    assert sides == {name: side for side, names in fake.SIDES.items() for name in names}


def test_trainval_alone_leaves_validation_to_be_drawn(root):
    lists = root / "ImageSets/Main"
    (lists / "trainval.txt").write_text((lists / "train.txt").read_text() + "p4_a\n")
    (lists / "train.txt").unlink()
    (lists / "val.txt").unlink()
    assert Counter(case.split for case in read(root).cases) == {"train_val": 5, "test": 1}


def test_images_that_no_list_names_are_left_out(root):
    edit(root / "ImageSets/Main/train.txt", "p2_a\n", "")
    table = read(root)
    assert len(table.cases) == 5
    assert any("does not list, left out: 1" in notice for notice in table.notices)


def test_pixels_from_one_with_the_last_inside_are_a_setting(root):
    assert read(root, corners="pixels").cases[0].targets["boxes"][0] == ("cell", 9, 11, 21, 9)


def test_a_published_voc_read_as_edges_is_noticed(root):
    name = "<source><database>The VOC2007 Database</database></source></annotation>"
    edit(annotation(root), "</annotation>", name)
    assert any("--data.reader.corners pixels" in notice for notice in read(root).notices)
    assert not any("corners" in notice for notice in read(root, corners="pixels").notices)


def test_difficult_objects_are_regions_that_do_not_count(root):
    path = annotation(root)
    path.write_text(path.read_text().replace("<difficult>0", "<difficult>1", 1))
    targets = read(root).cases[0].targets
    assert targets["ignored_boxes"] == fake.BOXES["p1_a"][:1]
    assert targets["boxes"] == fake.BOXES["p1_a"][1:]
    assert len(read(root, difficult="count").cases[0].targets["boxes"]) == 2


def test_a_box_without_area_is_left_out_and_named(root):
    edit(annotation(root), "<xmax>30<", "<xmax>10<")
    table = read(root)
    (warning,) = table.warnings
    assert table.cases[0].targets["boxes"] == fake.BOXES["p1_a"][1:]
    assert (warning.kind, warning.severity, warning.case_id) == (Kind.BOX, "warning", "p1_a")
    assert str(warning).startswith("Annotations/p1_a.xml, object 1: the box cell 10, 12, 0, 8")
    assert any("Annotations/p1_a.xml, object 1" in notice for notice in table.notices)


def test_a_box_without_area_can_be_refused(root):
    edit(annotation(root), "<xmax>30<", "<xmax>10<")
    with pytest.raises(DataError, match="has no area; mend it, or say"):
        read(root, faulty_boxes="refuse")


def test_an_inverted_box_and_one_given_twice_are_left_out(root):
    edit(annotation(root), "<xmax>30<", "<xmax>3<")
    path = annotation(root, "p2_a")
    text = path.read_text()
    start, end = text.index("<object>"), text.index("</annotation>")
    path.write_text(text[:end] + text[start:end] + text[end:])
    inverted, twice = read(root).warnings
    assert "is inverted" in inverted.message
    assert "is that of Annotations/p2_a.xml, object 1 again" in twice.message
    assert [len(case.targets["boxes"]) for case in read(root).cases[:3]] == [1, 0, 1]


@pytest.mark.parametrize("value", ["", "nan", "ten"])
def test_a_corner_that_is_no_number_is_a_fault(root, value):
    edit(annotation(root), "<xmax>30<", f"<xmax>{value}<")
    (problem,) = examine(root).problems
    assert (problem.kind, problem.case_id) == (Kind.BOX, "p1_a")
    assert problem.where == "Annotations/p1_a.xml, object 1"


def test_images_and_annotations_that_are_not_there_are_named(root):
    (root / "JPEGImages/p1_a.png").unlink()
    annotation(root, "p2_a").unlink()
    reading = examine(root)
    assert [(each.kind, each.case_id) for each in reading.problems] == [
        (Kind.MISSING, "p1_a"),
        (Kind.LABEL, "p2_a"),
    ]
    assert "boxes" not in reading.table.cases[2].targets


def test_an_image_in_two_lists_is_named(root):
    edit(root / "ImageSets/Main/val.txt", "p4_a", "p1_a\np4_a")
    (problem,) = examine(root).problems
    assert (problem.kind, problem.case_id) == (Kind.SPLIT, "p1_a")


def test_patients_are_found_in_names(root):
    table = read(root, patient_pattern=r"^(p\d)_")
    assert table.has_patients
    assert [case.patient_id for case in table.cases[:3]] == ["p1", "p1", "p2"]
    assert not read(root).has_patients


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_xml_that_defines_entities_is_refused_before_they_grow(root, encoding):
    lines = [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)]
    head = f'<?xml version="1.0" encoding="{encoding}"?>'
    text = f'{head}<!DOCTYPE x [<!ENTITY a0 "ha">{"".join(lines)}]><x>&a9;</x>'
    annotation(root).write_bytes(text.encode(encoding))
    (problem,) = examine(root).problems
    assert "declares a document type" in problem.message


@pytest.mark.parametrize("content", [b"", b"<annotation>", b"\x00\xff", b"<a/><b/>"])
def test_damaged_xml_is_named(root, content):
    annotation(root).write_bytes(content)
    (problem,) = examine(root).problems
    assert "no well-formed XML" in problem.message
    assert problem.where == "Annotations/p1_a.xml"


@pytest.mark.data
def test_bccd_has_its_published_numbers_but_for_two_boxes_without_area():
    root = Path(os.environ["LIGHTBOX_DATA"]) / "bccd"
    if not root.is_dir():
        pytest.skip("bccd is not under LIGHTBOX_DATA")
    table = read(root)
    labels = Counter(label for case in table.cases for label, *_ in case.targets["boxes"])
    assert labels == {"RBC": 4155 - 2, "WBC": 372, "Platelets": 361}
    assert Counter(case.split for case in table.cases) == {"train": 205, "val": 87, "test": 72}
    assert {each.case_id for each in table.warnings} == {"BloodImage_00338", "BloodImage_00343"}
