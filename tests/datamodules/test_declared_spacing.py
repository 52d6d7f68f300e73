from dataclasses import replace

import nibabel
import numpy as np
import pytest
from fakes.mask_files import write_image

from datamodules.cache import entry_path
from datamodules.case_files import CaseFiles
from datamodules.cases import Case, Source
from datamodules.volume_content import UnreadableFileError


@pytest.fixture
def files(tmp_path) -> CaseFiles:
    write_image(tmp_path / "a.png", np.zeros((4, 6)))
    case = Case("a", "a", {"image": Source("a.png")}, spacing_mm=(0.2, 0.1))
    return CaseFiles(case, tmp_path)


def with_case(files: CaseFiles, **changes: object) -> CaseFiles:
    return CaseFiles(replace(files.case, **changes), files.root)  # type: ignore[arg-type]


def test_spacing_of_a_dataset_counts_where_a_file_has_none(files):
    image = files.read_image()
    assert (image.has_spacing, image.spacing) == (True, (0.2, 0.1))
    bare = with_case(files, spacing_mm=None).read_image()
    assert (bare.has_spacing, bare.spacing) == (False, (1.0, 1.0))


def test_spacing_of_a_file_goes_before_that_of_its_dataset(files):
    volume = nibabel.Nifti1Image(np.zeros((3, 4, 5), np.uint8), np.diag([2.0, 2.0, 3.0, 1.0]))
    nibabel.save(volume, files.root / "b.nii")
    inputs = {"image": Source("b.nii")}
    image = with_case(files, inputs=inputs, spacing_mm=(1.0, 1.0, 1.0)).read_image()
    assert image.spacing == (2, 2, 3)


def test_spacing_along_other_axes_is_refused_with_the_file(files):
    with pytest.raises(UnreadableFileError, match="declared along 3 axes, and it has 2"):
        with_case(files, spacing_mm=(1.0, 1.0, 1.0)).read_image()


def test_images_are_prepared_anew_for_another_spacing(files):
    spacings = [None, (0.2, 0.1), (0.1, 0.1)]
    paths = {entry_path(with_case(files, spacing_mm=each).inputs(), {}, ()) for each in spacings}
    assert len(paths) == 3
