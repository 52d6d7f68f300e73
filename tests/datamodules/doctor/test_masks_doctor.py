"""What `check` says of images with masks: every fault by its case, in one report."""

import gzip
from dataclasses import replace

import nibabel
import numpy as np
import pytest
from fakes.masked_volumes import draw_ball, segmentation_experiment
from fakes.volume_files import write_nifti

from datamodules.cases import Structure
from datamodules.doctor.masks import examine_masks
from datamodules.errors import ConfigError, DataError
from datamodules.problems import Kind


@pytest.fixture
def config(tmp_path):
    return segmentation_experiment(tmp_path, cases=24).data


def affine_of(path):
    return nibabel.load(path).affine


def test_sound_dataset_has_no_problem_and_its_structures_are_counted(config):
    found = examine_masks(config, pixels=True)
    assert [each for each in found.problems if each.severity != "notice"] == []
    assert {(count.label, count.positive > 0) for count in found.counts} == {
        ("ball", True),
        ("shell", True),
    }
    assert len(found.images) == 24


def test_every_planted_fault_is_named_by_its_case_in_one_report(config, tmp_path):
    images, masks = tmp_path / "images", tmp_path / "masks"
    names = [path.name for path in sorted(images.iterdir())]
    image, mask = draw_ball(0)
    moved = affine_of(masks / names[0]).copy()
    moved[0, 3] += 1.0
    write_nifti(masks / names[0], mask, moved)
    image, mask = draw_ball(1)
    image[3, 3, 3] = np.nan
    write_nifti(images / names[1], image, affine_of(masks / names[1]))
    image, mask = draw_ball(2)
    mask[0, 0, 0] = 9
    write_nifti(masks / names[2], mask, affine_of(images / names[2]))
    image, mask = draw_ball(3)
    write_nifti(masks / names[3], mask[:-1], affine_of(images / names[3]))
    whole = (images / names[4]).read_bytes()
    (images / names[4]).write_bytes(whole[: len(whole) // 2])
    flipped = bytearray(gzip.decompress((images / names[5]).read_bytes()))
    packed = bytearray(gzip.compress(bytes(flipped)))
    packed[len(packed) // 2] ^= 4
    (images / names[5]).write_bytes(bytes(packed))
    image, mask = draw_ball(6)
    write_nifti(masks / names[6], np.zeros_like(mask), affine_of(images / names[6]))
    (masks / names[7]).unlink()

    found = examine_masks(config, pixels=True)
    said = {each.case_id: str(each) for each in found.problems if each.case_id}
    cases = [name.partition(".")[0] for name in names[:8]]
    expected = {
        cases[0]: "affines of mask and image differ by up to 1 mm",
        cases[1]: "1 voxels are NaN or infinite",
        cases[2]: "it has 9, and the labels are 0, 1, 2",
        cases[3]: "the mask has",
        cases[4]: "images/",
        cases[5]: "images/",
        cases[6]: "its mask is empty",
        cases[7]: "mask",
    }
    assert set(said) == set(cases)
    for case, text in expected.items():
        assert text in said[case], (case, said[case])
    empty = next(each for each in found.problems if each.case_id == cases[6])
    assert (empty.kind, empty.severity) == (Kind.MASK, "warning")


@pytest.fixture
def two_channels(tmp_path):
    """Six cases of two channels, those of p01_0 half a millimetre apart."""
    config = segmentation_experiment(tmp_path, cases=6).data
    first, second = tmp_path / "images", tmp_path / "images2"
    second.mkdir()
    for path in sorted(first.iterdir()):
        volume = nibabel.load(path)
        name = path.name.removesuffix(".nii.gz")
        affine = volume.affine.copy()
        if name == "p01_0":
            affine[2, 3] += 0.5
        write_nifti(second / f"{name}_0000.nii.gz", np.asarray(volume.dataobj), volume.affine)
        write_nifti(second / f"{name}_0001.nii.gz", np.asarray(volume.dataobj), affine)
    reader = config.reader.replace(images="images2", image_name="{id}_{channel}")
    return config.replace(reader=reader)


def test_channels_of_different_geometry_are_named(two_channels):
    found = examine_masks(two_channels, pixels=True)
    (problem,) = [each for each in found.problems if each.severity == "error"]
    assert problem.case_id == "p01_0"
    assert "affines of channel and image differ by up to 0.5 mm" in str(problem)


def test_waived_geometry_is_a_note_and_so_is_a_needless_waiver(two_channels):
    waived = two_channels.replace(geometry_waivers=("p01_0", "p00_0"))
    found = examine_masks(waived, pixels=True)
    notes = {each.case_id: each.message for each in found.by_kind("notice")[Kind.NOTE]}
    assert "although their headers differ by 0.5 mm" in notes["p01_0"]
    assert "it needs no waiver" in notes["p00_0"]
    assert found.by_kind("error") == {}


def test_waiver_of_a_case_that_is_not_there_is_an_error(config):
    found = examine_masks(config.replace(geometry_waivers=("p99_0",)), pixels=False)
    (problem,) = found.by_kind("error")[Kind.CASE_ID]
    assert "has no case 'p99_0'" in problem.message


def test_structure_that_a_case_does_not_outline_is_not_counted_as_absent(config):
    table = config.reader.read()
    cases = [
        replace(case, targets={"masks": dict.fromkeys(names, case.targets["mask"])})
        for case, names in zip(table.cases, [("ball",), ()] + [("ball", "shell")] * 22, strict=True)
    ]
    structures = (Structure("ball"), Structure("shell"))
    found = examine_masks(
        config, replace(table, cases=tuple(cases), structures=structures), pixels=True
    )
    assert sum(count.positive for count in found.counts) == 23 + 22
    assert sum(count.negative for count in found.counts) == 0


def test_dataset_in_which_no_case_is_annotated_is_an_error(config):
    table = config.reader.read()
    cases = tuple(replace(case, targets={}) for case in table.cases)
    found = examine_masks(config, replace(table, cases=cases), pixels=False)
    with pytest.raises(DataError, match="no case has a mask of ball or shell"):
        found.refuse_errors()


def test_files_stay_closed_unless_they_are_asked_for(config, tmp_path):
    for path in (tmp_path / "images").iterdir():
        path.write_bytes(b"nothing")
    found = examine_masks(config, pixels=False)
    assert (found.images, found.by_kind("error")) == (None, {})


def test_structure_that_does_not_exist_is_told_at_once(config):
    with pytest.raises(ConfigError, match="did you mean 'shell'"):
        examine_masks(config.replace(structures=("shel",)), pixels=False)
