import pytest

from datamodules.views import plain_views, unlike_views


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("PA", ["PA"]),
        (" ll ", ["LATERAL"]),
        ("AP_horizontal", ["AP HORIZONTAL"]),
        ("AP + LATERAL", ["AP", "LATERAL"]),
        (None, []),
        ("", []),
    ],
)
def test_one_view_has_one_name(written, plain):
    assert plain_views(written) == plain


@pytest.mark.parametrize(
    ("view", "known", "others"),
    [
        ("L", ["AP", "PA"], ["LATERAL"]),
        ("AP + L", ["AP", "PA"], ["LATERAL"]),
        ("frontal", ["PA"], []),
        ("PA", ["FRONTAL"], []),
        ("L", ["FRONTAL"], ["LATERAL"]),
        (None, ["PA"], []),
    ],
)
def test_view_of_no_training_film_is_found(view, known, others):
    assert unlike_views(view, known) == others
