"""What a person reads of a release in MLflow: the description of its run, the gate's report, and the kinds of model as pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from core.bundle import Manifest
from core.words import counted
from lifecycle.figures import Figures
from lifecycle.gates import GateResult
from lifecycle.model_kinds import LEGEND, models_rows, models_table
from lifecycle.release_facts import moment

GATE_PAGE, MODELS_PAGE = "gate.html", "models.html"
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:24px;color:#222}table{border-collapse:collapse}"
    "td,th{border:1px solid #ccc;padding:4px 10px;text-align:left}th{background:#f3f5f7}.no{color:#b00020;font-weight:600}"
)


def note(manifest: Manifest, figures: Figures | None, verdict: str = "It has not been judged by the gate yet.") -> str:
    """The description of the run, in Markdown."""
    measured = manifest.metrics.get("ndcg@10")
    quality = [] if measured is None else [f"NDCG@10 {measured:.4f} on later events that it has not seen."]
    models = [models_table(figures)] if figures is not None and figures.models else []
    made_of = f"{counted(manifest.n_events, 'event')} on {counted(manifest.n_items, 'item')}"
    said = f"Release **{manifest.release}** of {made_of}. {' '.join(quality)}"
    where = (
        "Learning curves are under *Model metrics* (`learning/…`: the judged twin by epoch; `refit/…`: what serves). Under "
        "*Artifacts*: charts, the model card, and after a judgement the gate's report."
    )
    return "\n\n".join((said, verdict, *models, where))


def verdict_line(verdict: GateResult, production: Manifest | None, at: float) -> str:
    """The gate's answer in a sentence, in Markdown. `at`: Unix seconds."""
    against = "without a production release" if production is None else f"against production, release {production.release}"
    if verdict.passed:
        return f"**The gate let it pass** ({moment(at)} UTC, {against})."
    failed = "; ".join(f"{check.name}: {check.detail}" for check in verdict.failed)
    return f"**The gate refused it** ({moment(at)} UTC, {against}): {failed}."


def gate_page(manifest: Manifest, verdict: GateResult, production: Manifest | None, at: float) -> str:
    """Every check of the gate, as HTML."""
    against = "There was no production release" if production is None else f"Production was release {production.release}"
    answer = "may become production" if verdict.passed else "stays out of production"
    rows = [(check.name, "yes" if check.passed else "NO", check.detail) for check in verdict.checks]
    said = f"Judged {moment(at)} UTC. {against}. The promotion ledger has every judgement; this is the latest."
    return _page(f"Release {manifest.release} {answer}", said, ("asked", "passed", "figures"), rows)


def models_page(manifest: Manifest, figures: Figures) -> str:
    """The kinds of model side by side, as HTML."""
    rows = models_rows(figures)
    heads = ("model", *next(iter(rows.values())))
    cells = [(name, *(cell if isinstance(cell, str) else f"{cell:.4f}" for cell in row.values())) for name, row in rows.items()]
    said = f"Each kind of model alone, on the same {figures.models[0].queries:,} later events. {LEGEND}"
    return _page(f"Release {manifest.release}: kinds of model", said, heads, cells)


def metrics_of(figures: Figures) -> Mapping[str, float]:
    """The table's figures by name, `models/EASE/ndcg@10`."""
    return {
        f"models/{one.name}/{name}": value
        for one in figures.models
        for name, value in {
            "ndcg@10": one.ndcg,
            "hr@10": one.hr,
            "coverage@10": one.coverage,
            "training_seconds": one.training_seconds,
            "milliseconds": one.milliseconds,
            "megabytes": one.megabytes,
        }.items()
    }


def _page(title: str, said: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(one)}</th>" for one in heads)
    body = "".join("<tr>" + "".join(_cell(one) for one in row) + "</tr>" for row in rows)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
        f"<h1>{escape(title)}</h1><p>{escape(said)}</p><table><tr>{head}</tr>{body}</table></html>\n"
    )


def _cell(text: str) -> str:
    return f'<td class="no">{text}</td>' if text == "NO" else f"<td>{escape(text)}</td>"
