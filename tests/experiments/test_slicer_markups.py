import json

import nibabel
import numpy as np
from fakes.volume_files import oblique_affine

from datamodules.volume import Volume
from experiments.slicer_markups import as_markups, in_lps, in_ras


def volume(affine):
    return Volume(np.zeros((1, 8, 9, 10), np.float32), affine)


def test_middle_of_the_first_voxel_is_where_the_affine_puts_it():
    affine = oblique_affine((1.5, 1.0, 1.2), seed=3)
    (place,) = in_ras(np.full((1, 3), 0.5), volume(affine))
    np.testing.assert_allclose(place, affine[:3, 3])


def test_points_in_mm_are_those_of_nibabel_turned_to_lps():
    affine = oblique_affine((1.5, 1.0, 1.2), seed=4)
    points = np.random.default_rng(0).uniform(0, 8, (5, 3))
    expected = nibabel.affines.apply_affine(affine, points - 0.5)
    np.testing.assert_allclose(in_ras(points, volume(affine)), expected)
    np.testing.assert_allclose(in_lps(points, volume(affine)), expected * (-1, -1, 1))


def test_flat_image_lies_in_a_plane_with_x_to_the_right_and_y_down():
    film = Volume(np.zeros((1, 20, 30)), np.diag([0.2, 0.1, 1, 1]))  # 0.2 mm down, 0.1 mm across
    (place,) = in_lps(np.array([[10.5, 4.5]]), film)
    np.testing.assert_allclose(place, (0.4, 2.0, 0))


def test_file_has_what_the_schema_requires():
    text = as_markups(("sella", "nasion"), np.full((2, 3), 2.5), volume(np.eye(4)))
    whole = json.loads(text)
    (markup,) = whole["markups"]
    assert whole["@schema"].endswith("markups-schema-v1.0.3.json#")
    assert (markup["type"], markup["coordinateSystem"]) == ("Fiducial", "LPS")
    assert [(p["id"], p["label"]) for p in markup["controlPoints"]] == [
        ("1", "sella"),
        ("2", "nasion"),
    ]
    for point in markup["controlPoints"]:
        assert point["position"] == [-2.0, -2.0, 2.0]
        assert len(point["orientation"]) == 9
        assert np.linalg.det(np.reshape(point["orientation"], (3, 3))) == 1
        assert point["positionStatus"] == "defined"
