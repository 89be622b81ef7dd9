"""Writes a comparison as JSON, a Markdown table and charts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from evaluation.comparison import Outcome, Pooled, lift
from evaluation.metrics import METRICS

INTERVAL, LEAD = "ndcg@10, 95 %", "best minus this, 95 %"
COLUMNS = (
    "hr@10",
    "ndcg@10",
    "hr@100",
    "hr@200",
    "mrr",
    "debiased_ndcg@10",
    "coverage@10",
    "novelty@10",
    "diversity@10",
    "miscalibration@10",
)
FIRST = ("ndcg@10", INTERVAL, LEAD, "hr@10", "hr@100", "coverage@10")  # where there is no room for all
GAP = 2  # spaces between two columns of a terminal
Curves = Mapping[str, Sequence[Mapping[str, float]]]


def table(outcomes: Sequence[Outcome], pooled: Pooled) -> str:
    """A Markdown table, best NDCG@10 first, with the 95 % interval of NDCG@10 and of the difference to the first row."""
    return markdown(_rows(outcomes, pooled))


def fitted(outcomes: Sequence[Outcome], pooled: Pooled, width: int) -> str:
    """The same table for a terminal of so many columns: those that matter most, as many as fit, and the names of the others."""
    rows = _rows(outcomes, pooled)
    known = list(next(iter(rows.values())))
    columns = sorted(known, key=lambda one: FIRST.index(one) if one in FIRST else len(FIRST))
    cells = {name: {column: _cell(row[column]) for column in columns} for name, row in rows.items()}
    widths = {column: max(len(column), *(len(row[column]) for row in cells.values())) for column in columns}
    label = max(len("model"), *map(len, rows))
    shown, left = [], width - label
    for column in columns:
        left -= widths[column] + GAP
        if left < 0:
            break
        shown.append(column)
    lines = ["model".ljust(label) + "".join(column.rjust(widths[column] + GAP) for column in shown)]
    for name, row in cells.items():
        lines.append(name.ljust(label) + "".join(row[column].rjust(widths[column] + GAP) for column in shown))
    if rest := [column for column in columns if column not in shown]:
        lines.append(f"in the report as well: {', '.join(rest)}")
    return "\n".join(lines) + "\n"


def _rows(outcomes: Sequence[Outcome], pooled: Pooled) -> dict[str, dict[str, float | str]]:
    ordered = sorted(outcomes, key=lambda one: -one.interval.mean)
    rows: dict[str, dict[str, float | str]] = {}
    for one in ordered:
        gap = lift(ordered[0].ranks, one.ranks, pooled.users)
        rows[one.name] = {name: one.metrics[name] for name in COLUMNS if name in one.metrics} | {
            INTERVAL: f"{one.interval.low:.4f} to {one.interval.high:.4f}",
            LEAD: "" if one is ordered[0] else f"{gap.low:.4f} to {gap.high:.4f}",
        }
    return rows


def legend() -> str:
    """What the metrics mean, one line each, with the paper if there is one."""
    lines = (f"{one.name}: {one.description}" + (f" {one.paper}." if one.paper else "") for one in METRICS.values())
    return "".join(f"- {line}\n" for line in lines)


def markdown(rows: Mapping[str, Mapping[str, float | str]]) -> str:
    """A table with one row per model; the columns are those of the first row."""
    columns = list(next(iter(rows.values())))
    lines = ["| model | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, row in rows.items():
        lines.append(f"| {name} | " + " | ".join(_cell(row[column]) for column in columns) + " |")
    return "\n".join(lines) + "\n"


def _cell(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4f}"


def write(
    folder: Path, title: str, outcomes: Sequence[Outcome], pooled: Pooled, curves: Curves, facts: Mapping[str, object]
) -> None:
    """Writes `report.json`, `report.md` and the charts into a folder, which is created if needed. `facts` describe the run."""
    folder.mkdir(parents=True, exist_ok=True)
    models = {one.name: one.metrics | {"ndcg@10_low": one.interval.low, "ndcg@10_high": one.interval.high} for one in outcomes}
    body = {**facts, "models": models, "curves": {name: list(points) for name, points in curves.items()}}
    (folder / "report.json").write_text(json.dumps(body, indent=2) + "\n")
    described = "".join(f"- {name}: {value}\n" for name, value in facts.items())
    (folder / "report.md").write_text(f"# {title}\n\n{described}\n{table(outcomes, pooled)}\n{legend()}")
    draw(folder, title, outcomes, curves)


def draw(folder: Path, title: str, outcomes: Sequence[Outcome], curves: Curves) -> None:
    """`accuracy.png` (with intervals), `popularity_bias.png`, and `learning_curve.png` if a model was trained."""
    from matplotlib.figure import Figure

    ordered = sorted(outcomes, key=lambda one: one.interval.mean)
    figure = Figure(figsize=(7, 1.2 + 0.4 * len(ordered)), layout="constrained")
    axes = figure.subplots()
    means = [one.interval.mean for one in ordered]
    below = [one.interval.mean - one.interval.low for one in ordered]
    above = [one.interval.high - one.interval.mean for one in ordered]
    axes.barh([one.name for one in ordered], means, xerr=[below, above], color="#4878a8", ecolor="#333333", capsize=3)
    axes.set(xlabel="NDCG@10 with its 95 % interval", title=title)
    figure.savefig(folder / "accuracy.png", dpi=120)

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for one in ordered:
        axes.plot(one.metrics["novelty@10"], one.metrics["ndcg@10"], "o", color="#4878a8")
        axes.annotate(one.name, (one.metrics["novelty@10"], one.metrics["ndcg@10"]), xytext=(5, 4), textcoords="offset points")
    axes.margins(x=0.15, y=0.1)  # space for the names
    axes.set(xlabel="novelty of the lists in bits (left: what everybody watches)", ylabel="NDCG@10", title=title)
    figure.savefig(folder / "popularity_bias.png", dpi=120)

    if any(curves.values()):
        figure = Figure(figsize=(7, 4.5), layout="constrained")
        axes = figure.subplots()
        for name, points in curves.items():
            key = "ndcg@10" if points and "ndcg@10" in points[-1] else "loss"
            shown = [point for point in points if key in point]
            axes.plot([point["epoch"] for point in shown], [point[key] for point in shown], label=f"{name}: {key}")
        axes.set(xlabel="epoch", title=f"{title}: learning curve")
        axes.legend()
        figure.savefig(folder / "learning_curve.png", dpi=120)
