"""A counterfactual evaluation as lines for a terminal, and as a page that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from app.usecases.ope import charts
from app.usecases.ope.evaluating import Found
from evaluation.intervals import Interval
from evaluation.ope.analysis import DECIDES, Analysis
from evaluation.ope.verdict import Answer
from lifecycle.release_facts import moment

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 1000px; margin: 24px auto; padding: 0 16px; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; padding: 4px 12px 4px 0; vertical-align: top; }
tr { border-bottom: 1px solid #e4e7eb; } svg { width: 100%; height: auto; } .verdict { font-size: 18px; }
table.figures td:nth-child(-n+3) { white-space: nowrap; }
.better { color: #1b7a34; } .worse { color: #b3162f; } h2 { margin-top: 32px; }
""".replace("\n", " ")
ASSUMES = {
    "IPS": "the propensities are right",
    "SNIPS": "as IPS; divided by the mean weight, so that a few large ones do less",
    "clipped IPS": "as IPS; cut weights make it too low, never too high",
    "DM": "the reward model is right",
    "DR": "the propensities or the reward model are right",
    "switch-DR": "as DR, and the model is right where weights are large",
    "DRos": "as DR with shrunken weights: less spread, some of the model's bias",
    "MRDR": "as DR, with the model that makes its spread smallest",
    "IIPS": "a position's answer depends on its item alone",
    "RIPS": "people read from the top: an answer depends on the items down to it",
    "cascade-DR": "as RIPS, corrected by the reward model",
}


def facts(found: Found, policies: Sequence[str]) -> list[tuple[str, str]]:
    """What was asked, and of which logs."""
    question, support = found.question, found.analysis.support
    rows = [
        ("policy", f"{question.policy.name} ({question.policy.id})"),
        ("on the release", question.release or "that made each list"),
        ("logs", f"{support.lists:,} lists, {support.impressions:,} impressions, {support.users:,} users"),
        ("since (UTC)", moment(question.since)),
        ("made by", f"{', '.join(policies)} on {', '.join(found.releases)}"),
    ]
    return rows + [("left out", f"{count:,} lists: {reason}") for reason, count in found.left_out.items()]


def support_rows(found: Analysis) -> list[tuple[str, str]]:
    """What the logs can tell."""
    one = found.support

    def share(value: float | None) -> str:
        return "not known: the logging policy is not on record" if value is None else f"{value:.1%}"

    return [
        ("effective sample size", f"{one.effective:,.0f} of {one.lists:,} lists"),
        ("mean weight", f"{one.mean_weight:.3f} (1 where the logs could show all that the policy shows)"),
        ("largest weight", f"{one.max_weight:.3g}, {one.weight_share:.1%} of all"),
        ("cut by clipping", share(one.clipped)),
        ("impressions that the policy cannot make", share(one.impossible)),
        ("lists of the policy that the logs cannot have", share(one.unseen)),
        ("lists judged by the candidates that were stored with them", f"{one.stored:.1%} (the others by a replay)"),
        ("lists whose logged propensities come out again", share(one.reproduced)),
    ]


def estimate_rows(found: Analysis) -> list[tuple[str, str, str, str]]:
    """Estimator, value and interval, bound, and what it assumes; of logs that do not support any, what was earned alone."""
    rows = [("logged", _interval(found.logged), "", "nothing: it is what was earned")]
    if found.verdict.gain is None:
        return rows
    for one in found.estimates:
        name = f"{one.name} (decides)" if one.name == DECIDES else one.name
        rows.append((name, _interval(one.interval), _interval(one.bound) if one.bound else "", ASSUMES[one.name]))
    return rows + [(name, "not defined", "", why) for name, why in found.not_defined.items()]


def slice_rows(found: Analysis) -> list[tuple[str, str, str, str]]:
    return [(one.name, f"{one.lists:,}", f"{one.logged:.4f}", _interval(one.gain, sign=True)) for one in found.slices]


def page(found: Found, policies: Sequence[str]) -> str:
    """The whole HTML page."""
    said = found.analysis
    colour = {Answer.BETTER: "better", Answer.WORSE: "worse"}.get(said.verdict.answer, "")
    slices = f"<h2>Slices</h2>{charts.slices(said)}{_table(('slice', 'lists', 'logged', 'gain'), slice_rows(said))}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>marquee ope</title><style>{_STYLE}</style>'
        f"<h1>Counterfactual evaluation of {escape(found.question.policy.name)}</h1>"
        f'<p class="verdict {colour}"><b>{escape(said.verdict.answer.value)}</b>: '
        f"{escape(said.verdict.line().removeprefix(f'{said.verdict.answer.value}: '))}</p>"
        f"{_table((), facts(found, policies))}<h2>Estimates</h2>{charts.estimates(said)}"
        f"{_table(('estimator', 'accepted lists, 95 %', 'empirical Bernstein', 'assumes that'), estimate_rows(said))}"
        f"<h2>What the logs can tell</h2>{charts.weights(said)}{_table((), support_rows(said))}"
        f"{slices if said.slices else ''}"
        f"<p>How to read this: docs/counterfactual.md. Made {moment(found.now)} UTC in {found.seconds:.0f} s.</p></html>\n"
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = f"<tr>{''.join(f'<th>{escape(cell)}' for cell in head)}" if head else ""
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}' for cell in row)}" for row in rows)
    return f"<table{' class=figures' if head else ''}>{top}{body}</table>"


def _interval(one: Interval, sign: bool = False) -> str:
    if sign:
        return f"{one.mean:+.4f} [{one.low:+.4f}, {one.high:+.4f}]"
    return f"{one.mean:.4f} [{one.low:.4f}, {one.high:.4f}]"
