import pytest
from fakes import volume_files

from datamodules.candidates import VolumeCandidate, select_candidate
from datamodules.case_files import CaseFiles
from datamodules.case_survey import by_image, hash_images, read_each
from datamodules.cases import Case, CaseTable, Source
from datamodules.errors import DataError
from datamodules.readers.csv_table import CsvReader
from datamodules.transforms.xray_pixels import content_hash

READER = CsvReader(root=".")


def candidate(name: str, file: str, place: float) -> Case:
    selector = select_candidate(VolumeCandidate("voxel", (place, 1, 1)))
    return Case(name, "p", inputs={"image": Source(file, selector)})


@pytest.fixture
def table(tmp_path):
    for seed, name in enumerate("ab"):
        path = tmp_path / f"{name}.nii.gz"
        volume_files.write_nifti(path, volume_files.voxels(4, 5, 3, seed=seed))
    cases = [candidate(f"{name}{n}", f"{name}.nii.gz", n) for n in (1, 2) for name in "ab"]
    return CaseTable("fake", tmp_path, tuple(cases))


def test_candidates_of_an_image_are_read_once_and_share_its_hash(table, monkeypatch):
    read = []
    whole = CaseFiles.read_image
    monkeypatch.setattr(CaseFiles, "read_image", lambda own: read.append(own.case) or whole(own))
    hashes = hash_images(table, READER)
    assert sorted(case.case_id for case in read) == ["a1", "b1"]
    assert list(hashes) == ["a1", "b1", "a2", "b2"]
    assert hashes["a1"] == hashes["a2"] != hashes["b1"] == hashes["b2"]
    assert hashes["a1"] == (content_hash(whole(CaseFiles(table.cases[0], table.root)).array),)


def test_images_keep_the_order_of_their_first_cases(table):
    assert [case.case_id for case in by_image(table.cases).values()] == ["a1", "b1"]


def test_every_file_that_cannot_be_read_is_named(table):
    for name in "ab":
        (table.root / f"{name}.nii.gz").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"2 of 2 images cannot be read") as raised:
        hash_images(table, READER)
    assert all(f"{name}.nii.gz" in str(raised.value) for name in "ab")


def test_reason_of_a_case_is_said_with_its_file(table):
    def refuse(case: Case) -> None:
        raise DataError(f"{case.case_id} is odd")

    with pytest.raises(DataError, match=r"a\.nii\.gz.*a1 is odd"):
        read_each(refuse, table.cases[:1], table, READER, "Reading")
