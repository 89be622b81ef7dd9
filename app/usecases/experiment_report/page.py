"""The page: what was asked, the answer for each metric and why, who was in it, and the charts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from app.usecases.experiment_report.chart import by_day, intervals
from app.usecases.rolling_out import shown
from evaluation.experiments.analysis import ExperimentResult
from evaluation.experiments.judging import Answer
from evaluation.experiments.novelty import trend
from evaluation.experiments.sample_ratio import MISMATCH_LEVEL
from lifecycle.experiments import ExperimentRun

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 1160px; margin: 24px auto; padding: 0 16px; }
h1 { margin-bottom: 0; } h2 { margin-top: 32px; } .better { color: #1b7a34; }
.worse, .invalid { color: #b3162f; font-weight: bold; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; vertical-align: top; padding: 4px 10px 4px 0; }
tr { border-bottom: 1px solid #e4e7eb; } svg { width: 100%; height: auto; }
""".replace("\n", " ")


def page(run: ExperimentRun, result: ExperimentResult, now: float) -> str:
    """The whole HTML page."""
    one = run.experiment
    times = f"{shown(run.since)} to {shown(run.until)}" if run.until else f"since {shown(run.since)}, at {shown(now)}"
    facts = f"layer {one.layer}, buckets {one.buckets[0]} to {one.buckets[1]}, started by {run.actor}. {run.why}"
    meaning = (
        f"Differences are from the variant {escape(one.control)}, with users as the sample. Intervals hold at every look, with "
        f"probability {1 - one.level:.0%}; p-values too, and they are corrected for the number of variants (Holm). Acceptance is "
        f"adjusted by what users accepted before (CUPED): {result.variance_kept:.0%} of its variance is left."
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>experiment {escape(one.name)}</title>'
        f"<style>{_STYLE}</style><h1>Experiment {escape(one.name)}</h1><p>{escape(one.question)}</p>"
        f"<p>{escape(times)}; {escape(facts)}</p>"
        f"<h2>Answers</h2>{_answers(result)}<p>{meaning}</p>{intervals(result.judged)}"
        f"<h2>By day since a user's first list</h2>{_novelty(result)}"
        f"<h2>Who was in it</h2>{_users(result)}</html>\n"
    )


def lines(result: ExperimentResult) -> list[str]:
    """The answers for the command line."""
    return [f"{one.variant} {one.metric.name}: {one.answer} ({one.why}{_still(result.days_left(one))})" for one in result.judged]


def _answers(result: ExperimentResult) -> str:
    return _table(
        ("metric", "variant", "control", "variant", "answer", "why"),
        (
            (
                one.metric.title + (" (guardrail)" if one.metric.guardrail else ""),
                one.variant,
                f"{one.control_mean:.2%}",
                f"{one.mean:.2%}",
                one.answer,
                one.why + _still(result.days_left(one)),
            )
            for one in result.judged
        ),
    )


def _still(days: float | None) -> str:
    if days is None:
        return ""
    return "; no need to wait" if days == 0 else f"; about {days:,.1f} days still, if new users come as they did"


def _novelty(result: ExperimentResult) -> str:
    drawn = by_day(result.novelty)
    if not drawn:
        return "<p>No day has enough users yet.</p>"
    said = "; ".join(f"{name}: {trend(effects)}" for name, effects in result.novelty.items())
    return f"{drawn}<p>{escape(said)}. An interval here holds for its day alone.</p>"


def _users(result: ExperimentResult) -> str:
    ratio = result.ratio
    rows = (
        (
            name,
            f"{users:,}",
            f"{ratio.expected[name]:,.1f}",
            f"{1e3 * result.latency_p95[name]:.1f} ms" if name in result.latency_p95 else "",
            f"{result.items_shown.get(name, 0):,}",
        )
        for name, users in ratio.users.items()
    )
    table = _table(("variant", "users", "expected", "95 % of the lists within", "different items, of as many users each"), rows)
    p = "too few users to tell" if ratio.p_value is None else f"p {ratio.p_value:.2g}, a mismatch below {MISMATCH_LEVEL:g}"
    left_out = f"{result.forced} users were in a variant on purpose and {result.switched} in several: none of them counts."
    return f"{table}<p>Sample ratio: {p}. {left_out}</p>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def cell(value: str) -> str:
        mark = f' class="{value.value}"' if isinstance(value, Answer) else ""
        return f"<td{mark}>{escape(str(value))}"

    body = "".join(f"<tr>{''.join(map(cell, row))}" for row in rows)
    return f"<table><tr>{''.join(f'<th>{escape(name)}' for name in head)}{body}</table>"
