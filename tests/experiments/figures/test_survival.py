import numpy as np

from experiments.figures.survival import risk_groups


def test_curves_and_log_rank_of_two_groups():
    chance = np.random.default_rng(0)
    rows = [
        {
            "case_id": f"c{number}",
            "patient_id": f"p{number}",
            "risk": float(number % 2),
            "survival": [0.5],
            "ends": [10.0],
            "time": float(chance.exponential(5 if number % 2 else 20)),
            "event": bool(chance.random() < 0.8),
            "nll_loss": 1.0,
        }
        for number in range(60)
    ]
    figure = risk_groups(rows, 0.5, "days")
    (legend,) = figure.legends
    assert [text.get_text().split(":")[0] for text in legend.get_texts()] == [
        "low risk",
        "high risk",
    ]
    assert legend.get_title().get_text().startswith("log-rank p = ")
