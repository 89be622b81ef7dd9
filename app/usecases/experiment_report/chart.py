"""The result of an experiment as pictures: each difference with its interval, and the effect by day. Plain SVG."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape

from evaluation.experiments.judging import Answer, JudgedVariant
from evaluation.experiments.novelty import DayEffect

WIDTH, LEFT, RIGHT, ROW = 1000, 440, 30, 26
TOP, HEIGHT = 24, 240  # of the plot by day
COLOURS = {Answer.BETTER: "#1b7a34", Answer.WORSE: "#b3162f", Answer.CANNOT_TELL: "#667", Answer.INVALID: "#bbb"}
_Scale = Callable[[float], float]
LINES = ("#2457a6", "#d9731a", "#7a4fb0", "#1b7a34", "#7a7a7a")


def intervals(judged: Sequence[JudgedVariant]) -> str:
    """A row for each metric and variant, in percentage points; all metrics are shares."""
    known = [(one, one.change) for one in judged if one.change is not None]
    reach = max([0.001, *(min(1.0, max(abs(change.low), abs(change.high))) for _, change in known)]) * 1.05
    height = TOP + ROW * len(known) + 24

    def x(value: float) -> float:
        return LEFT + (min(1.0, max(-1.0, value / reach)) + 1) / 2 * (WIDTH - LEFT - RIGHT)

    parts = [_text(LEFT, 12, "difference from the control, in percentage points")]
    parts.append(f'<line x1="{x(0):.1f}" x2="{x(0):.1f}" y1="{TOP - 8}" y2="{height - 22}" stroke="#999"/>')
    for number, (one, change) in enumerate(known):
        y, colour = TOP + ROW * number + 8, COLOURS[one.answer]
        parts.append(_text(LEFT - 10, y + 4, f"{one.metric.title}: {one.variant}", "end"))
        parts.append(
            f'<line x1="{x(change.low):.1f}" x2="{x(change.high):.1f}" y1="{y}" y2="{y}" stroke="{colour}" stroke-width="3"/>'
        )
        said = escape(f"{one.metric.name}, {one.variant}: {change}, {one.answer}")
        parts.append(f'<circle cx="{x(change.mean):.1f}" cy="{y}" r="5" fill="{colour}"><title>{said}</title></circle>')
    parts += [_text(x(at * reach), height - 6, _points(at * reach), "middle") for at in (-0.95, -0.5, 0.0, 0.5, 0.95)]
    return _svg(height, "Differences from the control in percentage points, with intervals that hold at every look", parts)


def by_day(effects: Mapping[str, Sequence[DayEffect]]) -> str:
    """The acceptance less the control's on each day since a user's first list, in percentage points; empty without days."""
    every = [one for of in effects.values() for one in of]
    if not every:
        return ""
    reach = max(0.001, *(max(abs(one.low), abs(one.high)) for one in every)) * 1.05
    last = max(1, *(one.day for one in every))

    def x(day: float) -> float:
        return 70 + day / last * (WIDTH - 100)

    def y(value: float) -> float:
        return TOP + HEIGHT * (1 - value / reach) / 2

    parts = [f'<line x1="70" x2="{WIDTH - 30}" y1="{y(0):.1f}" y2="{y(0):.1f}" stroke="#999"/>']
    parts += [_text(62, y(at * reach) + 4, _points(at * reach), "end") for at in (-0.9, -0.45, 0.0, 0.45, 0.9)]
    parts += [_text(x(day), TOP + HEIGHT + 18, f"day {day}", "middle") for day in range(0, last + 1, max(1, last // 10))]
    for number, (name, of) in enumerate(effects.items()):
        parts += _line(name, of, LINES[number % len(LINES)], number, x, y)
    return _svg(TOP + HEIGHT + 28, "Effect on acceptance by day since a user's first list", parts)


def _line(name: str, of: Sequence[DayEffect], colour: str, number: int, x: _Scale, y: _Scale) -> Iterable[str]:
    points = " ".join(f"{x(one.day):.1f},{y(one.mean):.1f}" for one in of)
    yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
    for one in of:
        at = f'x1="{x(one.day):.1f}" x2="{x(one.day):.1f}" y1="{y(one.low):.1f}" y2="{y(one.high):.1f}"'
        said = escape(f"{name}, day {one.day}: {one.mean:+.4f} [{one.low:+.4f}, {one.high:+.4f}]")
        yield f'<line {at} stroke="{colour}"/><circle cx="{x(one.day):.1f}" cy="{y(one.mean):.1f}" r="4" fill="{colour}">'
        yield f"<title>{said}</title></circle>"
    yield f'<rect x="{90 + 160 * number}" y="4" width="14" height="10" fill="{colour}"/>{_text(110 + 160 * number, 13, name)}'


def _points(value: float) -> str:
    return f"{100 * value:+.2g}" if value else "0"


def _text(x: float, y: float, words: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="#222">{escape(words)}</text>'


def _svg(height: float, label: str, parts: Iterable[str]) -> str:
    style = 'font-family="system-ui, sans-serif" font-size="12"'
    return f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(label)}" {style}>{"".join(parts)}</svg>'
