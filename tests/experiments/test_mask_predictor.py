from experiments.mask_predictor import joint_operating_point

LARGEST = {"largest_only": True, "smallest": 0.0}


def point(threshold: float, **clean_up) -> dict:
    return {"thresholds": {"a": {"threshold": threshold}}, "clean_up": clean_up}


def test_ensemble_takes_the_median_threshold_and_what_all_have_chosen():
    joint = joint_operating_point([point(0.1, a=LARGEST), point(0.5, a=LARGEST), point(0.2)])
    assert joint == {"thresholds": {"a": {"threshold": 0.2}}}
    joint = joint_operating_point([point(0.1, a=LARGEST), point(0.3, a=LARGEST)])
    assert joint["clean_up"] == {"a": LARGEST}


def test_single_model_keeps_its_own_point():
    assert joint_operating_point([point(0.1, a=LARGEST)]) == point(0.1, a=LARGEST)
