import functools
import http.server
import shutil
import threading

import numpy as np
import pytest
from fakes import medmnist as fake
from pydantic import ValidationError

from datamodules.data_info import LabelSet
from datamodules.errors import DataError
from datamodules.readers import medmnist
from datamodules.readers.medmnist import MedMnistReader
from datamodules.readers.medmnist_files import MEDMNIST
from datamodules.targets import target_matrix


def read(root, **settings):
    return MedMnistReader(root=str(root), download=False, **settings).read()


def test_rows_become_cases_with_the_official_split(tmp_path):
    fake.write(tmp_path)
    table = read(tmp_path)
    case = table.cases[17]
    assert (case.case_id, case.patient_id, case.split) == ("train-00017",) * 2 + ("train",)
    assert str(case.inputs["image"]) == "pneumoniamnist.npz:train_images[17]"
    assert case.targets == {"class": "pneumonia"}
    assert [case.split for case in table.cases] == ["train"] * 24 + ["val"] * 8 + ["test"] * 8
    assert (table.classes, table.has_patients, table.public) == (
        ("normal", "pneumonia"),
        False,
        True,
    )


def test_labels_are_those_of_the_file(tmp_path):
    fake.write(tmp_path)
    with np.load(tmp_path / "pneumoniamnist.npz") as arrays:
        labels = arrays["val_labels"][:, 0]
    ours = [case.targets["class"] for case in read(tmp_path).cases if case.split == "val"]
    assert ours == [("normal", "pneumonia")[label] for label in labels]


def test_the_tumour_is_positive_and_keeps_its_number(tmp_path):
    """In breastmnist 0 is malignant."""
    path = fake.write(tmp_path, "breastmnist")
    table = read(tmp_path, flag="breastmnist")
    with np.load(path) as arrays:
        malignant = arrays["train_labels"][:, 0] == 0
    assert table.classes == ("normal, benign", "malignant")
    targets = target_matrix(table, LabelSet.from_classes(table.classes))[:24, 0]
    np.testing.assert_array_equal(targets, malignant)
    assert "'malignant' the second counts as positive" in table.notices[-1]


def test_a_multi_label_set_has_findings(tmp_path):
    labels = {f"{s}_labels": np.eye(14, dtype=np.uint8)[:n] for s, n in (("val", 8), ("test", 8))}
    labels["train_labels"] = np.zeros((24, 14), np.uint8)
    fake.write(tmp_path, "chestmnist", **labels)
    table = read(tmp_path, flag="chestmnist")
    assert table.findings == MEDMNIST["chestmnist"].names
    assert table.cases[25].targets["findings"]["cardiomegaly"] == 1.0
    assert sum(table.cases[25].targets["findings"].values()) == 1.0


def test_volumes_are_cases_too(tmp_path):
    fake.write_volumes(tmp_path)
    table = read(tmp_path, flag="adrenalmnist3d")
    assert str(table.cases[30].inputs["image"]) == "adrenalmnist3d.npz:val_images[6]"
    assert table.classes == ("normal", "hyperplasia")
    assert "1,584 glands of 792 patients" in table.notices[1]


@pytest.mark.parametrize(
    ("flag", "positive"),
    [
        ("nodulemnist3d", "malignant"),
        ("adrenalmnist3d", "hyperplasia"),
        ("vesselmnist3d", "aneurysm"),
        ("synapsemnist3d", "excitatory synapse"),
    ],
)
def test_of_two_classes_of_volumes_the_disease_is_positive(tmp_path, flag, positive):
    fake.write_volumes(tmp_path, flag)
    table = read(tmp_path, flag=flag)
    assert table.classes[1] == table.cases[1].targets["class"] == positive


def test_images_in_place_of_volumes_are_named(tmp_path):
    fake.write(tmp_path, "adrenalmnist3d")
    with pytest.raises(DataError, match=r"\(24, 28, 28\), not uint8 \(n, 28, 28, 28\)"):
        read(tmp_path, flag="adrenalmnist3d")


def test_volumes_in_place_of_images_are_named(tmp_path):
    fake.write_volumes(tmp_path, "pneumoniamnist")
    with pytest.raises(DataError, match=r"\(24, 28, 28, 28\), not uint8 \(n, 28, 28\)"):
        read(tmp_path)


@pytest.mark.parametrize("size", [128, "224"])
def test_volumes_of_a_size_that_is_not_published_are_refused(size):
    says = f"no organmnist3d of size {size}; its sizes are 28 and 64"
    with pytest.raises(ValidationError, match=says):
        MedMnistReader(flag="organmnist3d", size=size)
    assert MedMnistReader(size=size).file_name == f"pneumoniamnist_{size}.npz"


def test_another_checksum_is_used_with_a_notice(tmp_path):
    fake.write(tmp_path)
    assert "not the published file" in read(tmp_path).notices[0]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"test_labels": None}, "the array test_labels is missing"),
        ({"val_images": np.zeros((8, 64, 64), np.uint8)}, r"val_images is uint8 \(8, 64, 64\)"),
        ({"val_images": np.zeros((8, 28, 28))}, "val_images is float64"),
        ({"train_labels": np.zeros((3, 1), np.uint8)}, "for each of the 24 images"),
        ({"val_labels": np.full((8, 1), 2, np.uint8)}, r"val_labels\[0\] is \[2\], not in 0..1"),
        ({"val_labels": np.zeros((8, 2), np.uint8)}, "val_labels has 2 columns, not 1"),
        ({"val_labels": np.full((8, 1), "a", dtype=object)}, "val_labels is object"),
    ],
)
def test_a_wrong_array_is_named(tmp_path, changed, says):
    fake.write(tmp_path, **changed)
    with pytest.raises(DataError, match=says):
        read(tmp_path)


@pytest.mark.parametrize("keep", [0, 10, 2000])
def test_a_truncated_file_is_damaged(tmp_path, keep):
    path = fake.write(tmp_path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"pneumoniamnist\.npz is damaged"):
        read(tmp_path)


def test_the_file_is_found_in_the_data_folder_and_below_it(tmp_path, monkeypatch):
    monkeypatch.setenv("LIGHTBOX_DATA", str(tmp_path))
    fake.write(tmp_path / "pneumoniamnist")
    assert MedMnistReader().read().root == tmp_path / "pneumoniamnist"
    shutil.move(tmp_path / "pneumoniamnist" / "pneumoniamnist.npz", tmp_path)
    assert MedMnistReader().read().root == tmp_path


def test_without_file_and_download_it_says_what_to_put_where(tmp_path):
    with pytest.raises(DataError) as caught:
        read(tmp_path, flag="breastmnist", size=64)
    for word in (
        str(tmp_path),
        "breastmnist_64.npz",
        MEDMNIST["breastmnist"].md5[64],
        "zenodo.org",
    ):
        assert word in str(caught.value)


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Stands in for Zenodo; serves the folder ``served``."""
    (tmp_path / "served").mkdir()
    handler = functools.partial(
        http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "served")
    )
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{running.server_address[1]}"
        monkeypatch.setattr(medmnist, "DOWNLOAD_URL", url)
        yield tmp_path / "served"
        running.shutdown()


def test_an_absent_file_is_downloaded_and_verified(tmp_path, server, monkeypatch):
    path = fake.write(server)
    monkeypatch.setitem(MEDMNIST["pneumoniamnist"].md5, 28, medmnist._md5(path))
    table = MedMnistReader(root=str(tmp_path / "new")).read()
    assert len(table.cases) == 40
    assert "not the published file" not in "".join(table.notices)
    assert (tmp_path / "new" / "pneumoniamnist.npz").read_bytes() == path.read_bytes()


def test_a_download_with_another_checksum_is_not_kept(tmp_path, server):
    fake.write(server)
    with pytest.raises(DataError, match="does not have the published MD5"):
        MedMnistReader(root=str(tmp_path / "new")).read()
    assert list((tmp_path / "new").glob("*.npz")) == []
    assert list((tmp_path / "new").glob(".*unfinished")) == []


def test_a_failed_download_says_what_to_do(tmp_path, server):
    with pytest.raises(DataError, match=r"Zenodo cannot be reached \(.*not found\)\. Fetch"):
        MedMnistReader(root=str(tmp_path / "new")).read()


@pytest.mark.data
def test_the_shared_copy_has_the_published_counts():
    table = MedMnistReader(download=False).read()
    counts = [sum(case.split == side for case in table.cases) for side in ("train", "val", "test")]
    assert counts == [4708, 524, 624]
    assert sum(case.targets["class"] == "pneumonia" for case in table.cases) == 3494 + 389 + 390


@pytest.mark.data
def test_the_shared_volumes_are_the_published_ones():
    table = MedMnistReader(flag="adrenalmnist3d", download=False).read()
    ill = [(case.split, case.targets["class"] == "hyperplasia") for case in table.cases]
    counts = [(ill.count((s, False)), ill.count((s, True))) for s in ("train", "val", "test")]
    assert counts == [(929, 259), (76, 22), (229, 69)]
    assert not any("not the published file" in notice for notice in table.notices)
