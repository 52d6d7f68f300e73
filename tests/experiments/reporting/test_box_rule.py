from experiments.reporting.box_rule import box_rule, score_table

FACTS = {"splits": {"val": {}, "test": {}}, "case": "image"}
POINT = {
    "nms_iou": 0.4,
    "smallest": 3.0,
    "scores": {
        "cell": {"score": 0.31, "kind": "best-f1", "sensitivity": 0.9}
        | {"false_positives_per_image": 0.5},
        "platelet": {"score": 0.5, "kind": "best-f1", "sensitivity": None}
        | {"false_positives_per_image": 0.0, "reason": "no object in validation; 0.5 is taken"},
    },
}
FIGURE = {"value": 0.8, "low": 0.7, "high": 0.9, "cases": 9, "patients": 9}


def test_rule_says_what_overlaps_what_is_small_and_how_scores_were_chosen():
    said = box_rule(POINT, FACTS)
    assert "an IoU above 0.4" in said
    assert "a side below 3 pixels" in said
    assert "the one with the highest F1" in said
    assert said.endswith("frozen before the test cases were opened.")


def test_fixed_score_was_given_beforehand_and_a_single_box_chooses_nothing():
    fixed = {"scores": {"cell": {"score": 0.5, "kind": "fixed"}}}
    assert "it was given beforehand" in box_rule(fixed, {"splits": {"val": {}}})
    assert "nothing to choose" in box_rule({}, FACTS)


def test_table_has_each_score_with_what_it_does():
    figures = {"sensitivity@operating_point/cell": FIGURE}
    table = score_table(POINT, FACTS, figures, "test")
    cell, platelet = table.rows
    assert [each.text for each in cell.cells[:4]] == ["0.310", "0.900", "0.500", "0.800"]
    assert platelet.cells[0].mark in table.notes.values()
    assert score_table({}, FACTS, figures, "test") is None


def test_validation_is_shown_once_where_there_is_no_test():
    columns = score_table(POINT, FACTS, {}, "val").columns
    assert len(set(columns)) == len(columns) == 5
