from experiments.reporting.mask_rule import mask_rule

TESTED = {"splits": {"val": {}, "test": {}}}


def test_masks_that_were_left_alone_are_said_to_be():
    assert mask_rule({}, TESTED).startswith("Each voxel belongs to what is most probable")


def test_clean_up_is_named_by_its_structures():
    point = {
        "clean_up": {
            "liver": {"largest_only": True, "smallest": 0.0},
            "tumour": {"largest_only": False, "smallest": 0.2},
        }
    }
    said = mask_rule(point, TESTED)
    assert "Of \u201cliver\u201d only the largest connected part is kept." in said
    assert "Of \u201ctumour\u201d parts below 0.2 are taken away." in said
    assert said.endswith("frozen before the test cases were opened.")


def test_threshold_is_said_with_what_it_finds():
    point = {"thresholds": {"lesion": {"threshold": 0.2345, "sensitivity": 0.951}}}
    said = mask_rule(point, {"splits": {"val": {}}})
    assert "from a probability of 0.234" in said or "from a probability of 0.235" in said
    assert "finds 0.95 of its voxels" in said
    assert "frozen" not in said
