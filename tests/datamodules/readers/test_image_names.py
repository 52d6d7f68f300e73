import pytest

from datamodules.readers.image_names import name_images


@pytest.mark.parametrize(
    ("images", "names"),
    [
        ([("a/1.nii.gz", None), ("b/2", None)], ["1", "2"]),
        ([("a/1.nii.gz", None), ("b/1", None)], ["a__1", "b__1"]),
        ([("a", "1.2.34567"), ("b", "1.2.34567")], ["a", "b"]),
        ([("a", "1.2.34567"), ("a", "1.2.34568"), ("b", None)], ["a_4567", "a_4568", "b"]),
        ([("a", "1.2.3"), ("a", "1.2.4"), ("a", "1.2.3")], ["a_.2.3", "a_.2.4", "a_.2.3"]),
        ([("a", "1.21.4567"), ("a", "1.22.4567")], ["a_1.4567", "a_2.4567"]),
        ([("a", "5.1"), ("a", "15.1")], ["a_5.1", "a_15.1"]),
    ],
)
def test_series_of_a_folder_are_named_by_the_ends_of_their_uids(images, names):
    assert name_images(images) == names
