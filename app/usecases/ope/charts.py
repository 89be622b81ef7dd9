"""Charts of a counterfactual evaluation, as SVG that stands in the page."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

import numpy as np

from evaluation.intervals import Interval
from evaluation.ope.analysis import DECIDES, Analysis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BLUE, _ORANGE, _GREY = "#2457a6", "#d9731a", "#777777"


def estimates(found: Analysis) -> str:
    """What each estimator says, beside what was earned; empty where the logs support none."""
    if found.verdict.gain is None:
        return ""
    rows = {one.name: one.interval for one in found.estimates}
    return _forest(rows, found.logged.mean, "accepted lists, share", "What the policy would earn", DECIDES)


def slices(found: Analysis) -> str:
    """The gain in each part of the lists; empty without parts."""
    rows = {f"{one.name} ({one.lists:,})": one.gain for one in found.slices}
    return _forest(rows, 0.0, "gain in the share of accepted lists", "The gain by slice") if rows else ""


def weights(found: Analysis) -> str:
    """How much the lists count."""
    from matplotlib.figure import Figure

    above = found.weights[found.weights > 0]
    if not len(above):
        return ""
    figure = Figure(figsize=(8, 3), layout="constrained")
    axes = figure.subplots()
    low, high = np.log10(above.min()), np.log10(above.max())
    axes.hist(above, bins=np.logspace(low - 0.05, high + 0.05, 40).tolist(), color=_BLUE)
    none = 1 - len(above) / len(found.weights)
    axes.axvline(1.0, color=_GREY, linestyle="--", linewidth=0.8)
    axes.set(xscale="log", xlabel="weight of a list (1: both policies make it alike)", ylabel="lists")
    axes.set_title(f"Importance weights; {none:.1%} of the lists have none")
    return _svg(figure)


def _forest(rows: dict[str, Interval], reference: float, label: str, title: str, marked: str = "") -> str:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 1.4 + 0.35 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for name, one in reversed(rows.items()):
        error = [[max(one.mean - one.low, 0.0)], [max(one.high - one.mean, 0.0)]]
        axes.errorbar([one.mean], [name], xerr=error, fmt="o", color=_ORANGE if name == marked else _BLUE, capsize=3)
    axes.axvline(reference, color=_GREY, linestyle="--", linewidth=0.8)
    axes.margins(y=0.15)
    axes.set(xlabel=label, title=title)
    return _svg(figure)


def _svg(figure: Figure) -> str:
    text = StringIO()
    figure.savefig(text, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    return text.getvalue()[text.getvalue().index("<svg") :]
