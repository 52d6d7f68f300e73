"""Kaplan-Meier curves of those whom a survival model puts at high and at low risk."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from experiments.figures.style import COLORS, name_axes, panels, styled
from lightning_modules.metrics.intervals import bootstrap_weights
from lightning_modules.metrics.survival import kaplan_meier, log_rank
from lightning_modules.metrics.survival_figures import SurvivalRow

SAMPLES = 300
"""Bootstrap samples of a band."""


@styled
def risk_groups(rows: Sequence[SurvivalRow], threshold: float, unit: str) -> Figure:
    """Share that lives, by predicted risk; bands are 95 % intervals over patients.

    Args:
        rows: One row a case.
        threshold: Risk from which on it is called high, as chosen on validation.
        unit: Of time.
    """
    time = np.array([row["time"] for row in rows], np.float64)
    event = np.array([row["event"] for row in rows], bool)
    high = np.array([row["risk"] >= threshold for row in rows])
    patients = [row["patient_id"] for row in rows]
    test = log_rank(time, event, high)
    figure, (axes,) = panels(1, "Survival of cases at high and at low predicted risk")
    for name, group, color in (("low", ~high, COLORS[0]), ("high", high, COLORS[1])):
        if not group.any():
            continue
        label = f"{name} risk: {group.sum()} cases, {(event & group).sum()} events"
        curve = kaplan_meier(time, event, group[None].astype(np.float64))
        grid = np.append(0.0, curve.times)
        axes.step(grid, curve.at(grid)[0], where="post", color=color, label=label)
        drawn = [
            kaplan_meier(time, event, weights * group).at(grid)
            for weights in bootstrap_weights(patients, SAMPLES, seed=0)
        ]
        low, top = np.quantile(np.concatenate(drawn), [0.025, 0.975], axis=0)
        axes.fill_between(grid, low, top, step="post", color=color, alpha=0.15, linewidth=0)
    axes.set(ylim=(-0.02, 1.02), xlim=(0, None))
    name_axes(figure, f"Time, {unit}", "Share without the event (Kaplan-Meier)")
    title = "" if np.isnan(test.p) else f"log-rank p = {test.p:.2g}"
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower left", title=title)
    return figure
