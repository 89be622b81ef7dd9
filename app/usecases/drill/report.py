"""The drill as a page that needs nothing else: the chart, what was expected, the timeline, and the promotion ledger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from app.usecases.drill.chart import drawn, marked
from app.usecases.drill.config import DrillConfig
from app.usecases.drill.small_marquee import StepLists
from app.usecases.drill.story import Expectation, Story, Told
from lifecycle.ledger_entries import LedgerEntry

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 1160px; margin: 24px auto; padding: 0 16px; }
h1 { margin-bottom: 0; } h2 { margin-top: 32px; } .good { color: #1b7a34; } .bad { color: #b3162f; font-weight: bold; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; vertical-align: top; padding: 4px 10px 4px 0; }
tr { border-bottom: 1px solid #e4e7eb; } td.n { white-space: nowrap; color: #555; } svg { width: 100%; height: auto; }
ol.marks { columns: 3; padding-left: 24px; } li::marker { color: #a01c3a; font-weight: bold; }
""".replace("\n", " ")


def page(story: Story, seen: Sequence[StepLists], ledger: Sequence[LedgerEntry], config: DrillConfig) -> str:
    """The whole HTML page."""
    held = [one for one in story.expectations if one.held]
    failed = [one for one in story.expectations if not one.held]
    summary = (
        f'<p class="bad">Not as expected: {escape(failed[0].text)} ({escape(failed[0].found)})</p>'
        if failed
        else f'<p class="good">All {len(held)} expectations held.</p>'
    )
    marks = "".join(f"<li>day {day:g}: {escape(words)}</li>" for day, words in marked(story))
    size = f"{config.users:,} people, {config.films:,} films, seed {config.seed}; a step is half a day of simulated time"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>marquee drill drift</title><style>{_STYLE}</style>'
        f"<h1>marquee drill drift</h1><p>{size}.</p>{summary}{drawn(story, seen)}"
        f'<ol class="marks">{marks}</ol><h2>What was expected</h2>{_expectations(story.expectations)}'
        f"<h2>Timeline</h2>{_timeline(story)}<h2>Promotion ledger</h2>{_ledger(ledger)}</html>\n"
    )


def _expectations(expectations: Iterable[Expectation]) -> str:
    rows = (
        f'<tr><td class="n">act {one.act}<td class="{"good" if one.held else "bad"}">{"held" if one.held else "failed"}'
        f"<td>{escape(one.text)}<td>{escape(one.found)}"
        for one in expectations
    )
    return f"<table><tr><th>act<th><th>expected<th>found{''.join(rows)}</table>"


def _timeline(story: Story) -> str:
    titles = {title for title, _ in story.acts}

    def row(line: Told) -> str:
        text = escape(line.text)
        return f'<tr><td class="n">day {line.day:g}<td>{f"<b>Act {line.act}: {text}</b>" if line.text in titles else text}'

    return f"<table>{''.join(map(row, story.told))}</table>"


def _ledger(entries: Iterable[LedgerEntry]) -> str:
    rows = (
        f'<tr><td class="n">{entry.number}<td class="n">{escape(entry.note.action)}<td class="n">{escape(entry.note.alias)}'
        f"<td>{escape(entry.note.version)}<td>{escape(entry.note.actor)}<td>{escape(entry.note.why)}"
        for entry in entries
    )
    return f"<table><tr><th>entry<th>action<th>alias<th>version<th>who<th>why{''.join(rows)}</table>"
