from dataclasses import replace

import numpy as np
import pytest
from fakes.evaluated_runs import evaluated_run

from datamodules.transforms.xray_geometry import Geometry
from experiments.baselines.features import acquisition_features, thumbnail_features


@pytest.fixture
def data(tmp_path):
    return evaluated_run(tmp_path, cases=80).data


def with_attributes(data, attributes_of, site_of=lambda index: None):
    cases = [
        replace(case, attributes=attributes_of(index), site=site_of(index))
        for index, case in enumerate(data.table.cases)
    ]
    data._table = replace(data.table, cases=tuple(cases))
    return acquisition_features(data, range(80), fitted=60)


def test_everything_that_a_table_knows_and_the_size_are_features(data):
    found = acquisition_features(data, range(80), fitted=60)
    assert set(found) == {"age", "sex", "view", "image size"}  # one site has but a film or two
    assert all(len(columns) == 80 for columns in found.values())


def test_statistics_are_those_of_the_training_cases(data):
    (age,) = with_attributes(data, lambda at: {"age": float(at)})["age"].T
    assert age[:60].mean() == pytest.approx(0, abs=1e-6)
    assert age[:60].std() == pytest.approx(1, abs=1e-6)
    assert age[79] == pytest.approx((79 - 29.5) / np.arange(60).std())


def test_a_missing_number_is_the_mean_and_is_marked(data):
    value, known = with_attributes(data, lambda at: {"age": None if at % 5 == 0 else float(at)})[
        "age"
    ].T
    assert set(value[::5]) == {0}
    np.testing.assert_array_equal(known, np.arange(80) % 5 != 0)


def test_text_has_a_column_a_value_but_for_rare_ones(data):
    names = ["PA"] * 40 + ["AP"] * 18 + ["LL"] * 2 + ["PA"] * 20
    view = with_attributes(data, lambda at: {"view": names[at]})["view"]
    assert view.sum(axis=0).tolist() == [18, 60]
    assert view[58:60].sum() == 0


def test_a_site_is_a_feature_too(data):
    found = with_attributes(data, lambda _: {}, lambda at: "North" if at % 2 else "South")
    assert found["site"].shape == (80, 2)


def test_size_is_known_as_numbers_and_as_the_mark_of_a_scanner(data):
    size = acquisition_features(data, range(80), fitted=60)["image size"]
    assert size.shape == (80, 3)  # a width, and two formats; the height is always the same
    np.testing.assert_array_equal(size[:, 0] > 0, np.arange(80) % 3 == 0)


def test_what_does_not_differ_or_names_cases_is_left_out(data, monkeypatch):
    monkeypatch.setattr(data, "geometry_of", lambda _: Geometry.fit((28, 28), 28, "pad"))
    found = with_attributes(data, lambda at: {"sex": "F", "accession": f"A{at}", "age": None})
    assert found == {}


def test_thumbnails_are_averages_of_areas_standardised_on_training(data):
    images = np.random.default_rng(0).integers(0, 256, (80, 64, 64)).astype(np.uint8)
    data.cache = data.cache._replace(images=images)
    order = np.arange(80)[::-1]
    found = thumbnail_features(data, order.tolist(), fitted=60)
    small = images[order].reshape(80, 16, 4, 16, 4).mean(axis=(2, 4)).reshape(80, 256)
    expected = (small - small[:60].mean(axis=0)) / small[:60].std(axis=0)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_pixel_that_is_always_black_is_no_fault(data):
    images = np.zeros((80, 8, 8), np.uint8)
    data.cache = data.cache._replace(images=images)
    assert not thumbnail_features(data, range(80), fitted=60).any()
