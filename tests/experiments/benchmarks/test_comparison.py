import pytest

from experiments.benchmarks.comparison import Comparison, table


def comparison(measure, goal, ours=(2.0, 4.0, 9.0), other=(40.0, 20.0, 27.0), unit="s"):
    return Comparison("a subject", unit, ours, measure, goal, "the other", other)


@pytest.mark.parametrize(
    ("measure", "value", "spread"),
    [
        ("times the rate", 4 / 27, (2 / 40, 9 / 27)),
        ("times faster", 27 / 4, (27 / 9, 40 / 2)),
        ("times as long", 4 / 27, (2 / 40, 9 / 27)),
        ("times as much", 4 / 27, (2 / 40, 9 / 27)),
        ("longer", 4 - 27, (2 - 40, 4 - 20)),
        ("alone", 4, (2, 9)),
    ],
)
def test_the_value_is_of_the_medians_and_the_spread_of_single_rounds(measure, value, spread):
    found = comparison(measure, 1)
    assert found.value == pytest.approx(value)
    assert found.spread == pytest.approx(spread)


@pytest.mark.parametrize("measure", ["times the rate", "times faster"])
def test_a_factor_of_speed_must_reach_its_goal(measure):
    value = comparison(measure, 1).value
    assert comparison(measure, value).met
    assert not comparison(measure, value * 1.01).met


@pytest.mark.parametrize("measure", ["times as long", "times as much", "longer", "alone"])
def test_everything_else_must_not_exceed_its_goal(measure):
    value = comparison(measure, 1).value
    assert comparison(measure, value).met
    assert not comparison(measure, value - 0.01).met


def test_without_another_program_only_the_own_figure_counts():
    found = Comparison("memory", "MB", (20.0, 30.0, 21.0), "alone", 25)
    assert (found.value, found.spread, found.met) == (21.0, (20.0, 30.0), True)


def test_the_table_has_a_line_for_each_comparison_with_its_goal():
    missed = comparison("longer", 1, ours=(1540.0,), other=(12.345,), unit="ms")
    lines = table([comparison("times faster", 5), missed]).splitlines()
    assert len(lines) == 4
    assert lines[2].split()[-5:] == ["at", "least", "5", "x", "yes"]
    assert "1540 ms" in lines[3]
    assert "12.3 ms" in lines[3]
    assert "at most 1 ms more  NO" in lines[3]


def test_the_plain_values_hold_every_round():
    values = comparison("times faster", 5).to_dict()
    assert values["ours"] == [2.0, 4.0, 9.0]
    assert values["other"] == [40.0, 20.0, 27.0]
    assert (values["value"], values["goal"], values["met"]) == (6.75, 5, True)
