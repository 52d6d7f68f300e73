import csv
import gzip
import shutil
from collections import Counter

import pytest
from fakes import chexpert as fake

from datamodules.configs.splits import SplitConfig
from datamodules.errors import DataError
from datamodules.problems import FaultyCasesError, Kind
from datamodules.readers.chexpert import ChexpertReader
from datamodules.readers.chexpert_labels import OBSERVATIONS
from datamodules.splits import assign_splits

VALUES = {"zero": 0.0, "one": 1.0, "missing": None}
FIRST = "patient00001_study1_view1_frontal"


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    return fake.write(tmp_path_factory.mktemp("chexpert"))


@pytest.fixture
def root(clean, tmp_path):
    return shutil.copytree(clean, tmp_path / "root")


def read(root, **settings):
    return ChexpertReader(root=str(root), **settings).read()


def problems(root, **settings):
    with pytest.raises(DataError) as caught:
        read(root, **settings)
    return caught.value.problems


def labels(root, **settings):
    """Value of every (case, observation)."""
    return {
        (case.case_id, name): value
        for case in read(root, **settings).cases
        for name, value in case.targets["findings"].items()
    }


def raw_cells(root):
    """Cell of every (case, observation) of the frontal films, read without the reader."""
    raw = {}
    for table in ("train.csv", "valid.csv"):
        with (root / table).open(newline="") as file:
            for row in csv.DictReader(file):
                if row["Frontal/Lateral"] == "Frontal":
                    case = "_".join(row["Path"].removesuffix(".jpg").split("/")[-3:])
                    raw |= {(case, name): row[name] for name in OBSERVATIONS}
    return raw


@pytest.mark.parametrize("policy", ["zero", "one", "missing"])
@pytest.mark.parametrize(
    ("setting", "cell", "observation"),
    [("uncertain", "-1.0", name) for name in OBSERVATIONS[1:]]
    + [("blank", "", name) for name in OBSERVATIONS],
)
def test_a_policy_changes_exactly_the_labels_that_it_should(
    clean, setting, cell, observation, policy
):
    before, raw = labels(clean), raw_cells(clean)
    field = observation.lower().replace(" ", "_")
    after = labels(clean, **{setting: {field: policy}})
    meant = {key for key, said in raw.items() if key[1] == observation and said == cell}
    assert len(meant) >= 3
    assert {key for key in raw if after[key] != before[key]} == (
        meant if policy != "zero" else set()
    )
    assert {after[key] for key in meant} == {VALUES[policy]}


def test_by_default_only_a_stated_one_is_positive(clean):
    raw = raw_cells(clean)
    assert labels(clean) == {key: float(said == "1.0") for key, said in raw.items()}


def test_a_case_has_the_ids_and_attributes_of_its_film(clean):
    case = read(clean).cases[0]
    assert (case.case_id, case.patient_id, case.exam_id) == (
        FIRST,
        "patient00001",
        "patient00001/study1",
    )
    assert case.inputs["image"].path == "train/patient00001/study1/view1_frontal.jpg"
    assert case.attributes == {"age": 31.0, "sex": "F", "view": "AP"}


def test_frontal_films_are_taken_and_lateral_ones_when_asked_for(clean):
    # 12 patients with 4 second studies; odd ones, with 2 of those, also have lateral films
    def count(*views):
        cases = read(clean, views=views).cases
        return Counter(case.attributes["view"] for case in cases)

    assert count("frontal") == {"AP": 16 + 4}
    assert count("lateral") == {"lateral": 8 + 2}
    assert count() == {"AP": 20, "lateral": 10}


def test_the_films_of_an_exam_share_its_id(clean):
    exams = Counter(case.exam_id for case in read(clean, views=()).cases)
    assert (exams["patient00003/study2"], exams["patient00002/study1"]) == (2, 1)


def test_the_images_are_not_public(clean):
    assert not read(clean).public


def test_valid_is_for_testing_and_validation_is_drawn_from_training(clean):
    table = read(clean)
    assert Counter(case.split for case in table.cases) == {"train": 16, "test": 4}
    assert "valid.csv, read by radiologists, are for testing" in table.notices[0]
    splits = assign_splits(table, SplitConfig())
    assert {name for name, side in splits.items() if side == "test"} == {
        case.case_id for case in table.cases if case.split == "test"
    }
    assert "val" in splits.values()


def test_with_the_test_table_valid_is_for_validation(tmp_path):
    table = read(fake.write(tmp_path, test=True))
    assert Counter(case.split for case in table.cases) == {"train": 16, "val": 4, "test": 4}
    assert table.cases[-1].attributes == {"age": None, "sex": None, "view": "frontal"}
    assert table.cases[-1].inputs["image"].path.startswith("test/patient64744/")


def test_the_test_table_may_have_the_name_of_its_second_release(tmp_path):
    before = read(fake.write(tmp_path, test=True))
    (tmp_path / "test.csv").rename(tmp_path / "test_labels.csv")
    assert read(tmp_path).cases == before.cases


def test_test_films_without_a_table_are_noticed(tmp_path):
    (fake.write(tmp_path, test=True) / "test.csv").unlink()
    table = read(tmp_path)
    assert Counter(case.split for case in table.cases) == {"train": 16, "test": 4}
    notice = "The films of the folder test are not used: test.csv or test_labels.csv is not there."
    assert notice in table.notices


@pytest.mark.parametrize("side", ["val", "test"])
def test_what_valid_is_for_can_be_said(tmp_path, side):
    table = read(fake.write(tmp_path, test=True), official_validation=side)
    sides = {case.patient_id: case.split for case in table.cases}
    assert (sides["patient64541"], sides["patient64741"]) == (side, "test")


def test_without_valid_the_split_is_drawn_with_a_notice(root):
    (root / "valid.csv").unlink()
    table = read(root)
    assert {case.split for case in table.cases} == {None}
    assert "valid.csv is not there" in table.notices[0]


def test_a_patient_on_both_sides_of_the_official_split_is_named(root):
    film = "train/patient00001/study1/view1_frontal.jpg"
    copy = root / film.replace("train", "valid").replace("study1", "study9")
    copy.parent.mkdir(parents=True)
    shutil.copy(root / film, copy)
    row = (root / "valid.csv").read_text().splitlines()[1].partition(",")[2]
    with (root / "valid.csv").open("a") as file:
        file.write(f"CheXpert-v1.0-small/{copy.relative_to(root)},{row}\n")
    with pytest.raises(DataError, match=r"patient 'patient00001': .* in train, .* in test"):
        assign_splits(read(root), SplitConfig())


def test_notices_count_what_policies_decided(clean):
    said = Counter(raw_cells(clean).values())
    notices = read(clean, uncertain={"others": "missing"}).notices
    assert notices[-2:] == (
        f"Labels that are -1 (uncertain): {said['-1.0']} count as not known.",
        f"Labels that are blank: {said['']} count as 0.",
    )


def test_the_folder_above_may_be_the_root(clean, tmp_path):
    (tmp_path / "CheXpert-v1.0-small").symlink_to(clean)
    assert read(tmp_path).cases == read(clean).cases


def test_tables_may_lie_beside_the_folder_that_their_paths_name(root):
    for folder in ("train", "valid"):
        (root / fake.RELEASE).mkdir(exist_ok=True)
        (root / folder).rename(root / fake.RELEASE / folder)
    case = read(root).cases[0]
    assert case.inputs["image"].path.startswith("CheXpert-v1.0-small/train/")
    assert (root / case.inputs["image"].path).is_file()


def test_gzipped_tables_are_read_too(root):
    before = read(root).cases
    for name in ("train.csv", "valid.csv"):
        (root / f"{name}.gz").write_bytes(gzip.compress((root / name).read_bytes()))
        (root / name).unlink()
    assert read(root).cases == before


def test_without_tables_and_with_two_releases_it_is_said_what_to_give(clean, tmp_path):
    with pytest.raises(DataError, match=r"has no train\.csv, nor a folder CheXpert-v1\.0-small or"):
        read(tmp_path)
    for name in ("CheXpert-v1.0", "CheXpert-v1.0-small"):
        (tmp_path / name).symlink_to(clean)
    with pytest.raises(DataError, match=r"holds CheXpert-v1\.0 and CheXpert-v1\.0-small; give one"):
        read(tmp_path)


def test_a_folder_without_the_films_is_said_once_for_each_table(root):
    (root / "train").rename(root / "films")
    (problem,) = problems(root)
    assert problem.startswith("train.csv: it names films such as CheXpert-v1.0-small/train/patient")
    assert "there is no folder train beside it" in problem


def test_a_missing_film_is_named_unless_films_are_not_asked_for(root):
    (root / "train/patient00001/study1/view1_frontal.jpg").unlink()
    (problem,) = problems(root)
    where = f"train.csv row 2, {FIRST}: there is no file "
    assert problem == f"{where}train/patient00001/study1/view1_frontal.jpg"
    assert len(read(root, require_images=False).cases) == 20


def test_a_film_of_a_view_that_is_not_taken_need_not_be_there(root):
    (root / "train/patient00001/study1/view2_lateral.jpg").unlink()
    assert len(read(root).cases) == 20


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("AP,,,1.0", "AP,,,2.0", "row 2, .*: column 'Cardiomegaly' is '2.0'; a label is"),
        (",31,Frontal,AP,,", ",31,Frontal,AP,-1.0,", "column 'No Finding' is '-1.0'; a label"),
        ("patient00002/study1", "patient00001/study1", "row 4, .*: the film is in train.csv row 2"),
        (
            "small/train/patient00001",
            "small/../patient00001",
            r"row 2: the path '.*' is not of the",
        ),
        (
            "CheXpert-v1.0-small/train",
            "/etc",
            r"row 2: the path '/etc.*' is not of the form train/",
        ),
        ("small/train/patient00001", "small/valid/patient00001", "is not of the form train/"),
        ("view1_frontal.jpg", "", r"row 2: the path '.*/study1/' is not of the form"),
        (",31,Frontal", ",31,Front,al", "row 2 has 20 cells, the header has 19"),
        ("Pleural Other", "Pleural", "column 'Pleural Other' is missing; did you mean"),
        ("AP/PA", "View", "column 'AP/PA' is missing"),
    ],
)
def test_a_wrong_row_is_named(root, old, new, says):
    fake.edit(root / "train.csv", old, new)
    with pytest.raises(DataError, match=says):
        read(root)


def test_a_link_out_of_the_root_is_refused(root, tmp_path):
    film = root / "train/patient00001/study1/view1_frontal.jpg"
    film.rename(tmp_path / "elsewhere.jpg")
    film.symlink_to(tmp_path / "elsewhere.jpg")
    (problem,) = problems(root)
    assert "is a link that leaves the root of the dataset" in problem


def test_faults_of_both_tables_are_named_at_once(root):
    fake.edit(root / "train.csv", "Edema", "Oedema")
    packed = gzip.compress((root / "valid.csv").read_bytes())
    (root / "valid.csv.gz").write_bytes(packed[:-20])
    (root / "valid.csv").unlink()
    first, second = problems(root)
    assert first == "train.csv: column 'Edema' is missing; did you mean 'Oedema'?"
    assert second.startswith("valid.csv.gz is damaged: ")


def test_what_is_sound_is_kept_beside_the_problems(root):
    fake.edit(root / "train.csv", "AP,,,1.0", "AP,,,7")
    (root / "train/patient00002/study1/view1_frontal.jpg").unlink()
    with pytest.raises(FaultyCasesError) as caught:
        read(root)
    assert [(each.kind, each.case_id) for each in caught.value.found] == [
        (Kind.MISSING, "patient00002_study1_view1_frontal"),
        (Kind.LABEL, FIRST),
    ]
    assert len(caught.value.rest.cases) == 20
    assert caught.value.rest.cases[0].targets == {"findings": {}}
    assert caught.value.rest.cases[1].inputs == {}


def test_an_unknown_sex_and_an_impossible_age_are_not_known(root):
    fake.edit(root / "train.csv", "Female,31", "Unknown,131")
    table = read(root)
    assert table.cases[0].attributes == {"age": None, "sex": None, "view": "AP"}
    assert any("not a number, counted as unknown: 1." in notice for notice in table.notices)
