"""Charts of a release for its run in MLflow: what it is better than, and how popular what it shows is."""

from __future__ import annotations

from pathlib import Path

from core.bundle import Manifest
from lifecycle.figures import Figures
from lifecycle.gates import LIFT_HIGH, LIFT_LOW

INTERVALS, POPULARITY_BIAS = "intervals.png", "popularity_bias.png"
_BLUE, _DARK = "#4878a8", "#333333"


def draw(folder: Path, manifest: Manifest, figures: Figures | None) -> list[Path]:
    """Write the charts for which there are figures into a folder; returns their paths."""
    drawn = [_draw_intervals(folder / INTERVALS, manifest, figures)]
    if figures is not None and figures.popularity:
        drawn.append(_draw_popularity(folder / POPULARITY_BIAS, manifest, figures))
    return [path for path in drawn if path is not None]


def gains(manifest: Manifest, figures: Figures | None) -> dict[str, tuple[float, float, float]]:
    """NDCG@10 of the release minus that of each alternative: the difference and its 95 % interval, by name."""
    metrics, compared, found = manifest.metrics, manifest.compared, {}
    if {"lift", LIFT_LOW, LIFT_HIGH} <= metrics.keys():
        found["popularity"] = metrics["lift"], metrics[LIFT_LOW], metrics[LIFT_HIGH]
    if figures is not None and figures.models:
        served, *others = figures.models
        found |= {f"{one.name} alone": (served.ndcg - one.ndcg, -one.ndcg_high, -one.ndcg_low) for one in others}
    if compared is not None and compared.queries:
        found["production"] = compared.ndcg - compared.production_ndcg, compared.low, compared.high
    return found


def _draw_intervals(path: Path, manifest: Manifest, figures: Figures | None) -> Path | None:
    from matplotlib.figure import Figure

    rows = gains(manifest, figures)
    if not rows:
        return None
    figure = Figure(figsize=(8, 1.6 + 0.5 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for name, (mean, low, high) in reversed(rows.items()):
        error = [[max(mean - low, 0.0)], [max(high - mean, 0.0)]]
        axes.errorbar([mean], [name], xerr=error, fmt="o", color=_BLUE, ecolor=_DARK, capsize=4)
        axes.annotate(f"{mean:+.4f}", (mean, name), xytext=(0, 7), textcoords="offset points", ha="center")
    axes.axvline(0.0, color=_DARK, linewidth=0.8, linestyle="--")
    axes.margins(x=0.1, y=0.25)
    axes.set(
        xlabel="NDCG@10 of this release minus that of the other, with its 95 % interval\nright of 0: this release is better",
        title=f"Release {manifest.release}: what it is better than",
    )
    figure.savefig(path, dpi=110)
    return path


def _draw_popularity(path: Path, manifest: Manifest, figures: Figures) -> Path:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(figures.popularity)
    for number, (name, shares) in enumerate(figures.popularity.items()):
        places = [tenth + 1 + (number - (len(figures.popularity) - 1) / 2) * width for tenth in range(len(shares))]
        axes.bar(places, [100 * share for share in shares], width, label=name)
    coverage = manifest.metrics.get("coverage@10")
    shown = "" if coverage is None else f"\n{coverage:.1%} of the items are in some top 10"
    axes.set(
        xlabel="items by popularity, in tenths: 1 the least popular, 10 the most popular",
        ylabel="share of recommendations or events, %",
        title=f"Release {manifest.release}: popularity of what it shows{shown}",
        xticks=range(1, 11),
    )
    axes.legend()
    figure.savefig(path, dpi=110)
    return path
