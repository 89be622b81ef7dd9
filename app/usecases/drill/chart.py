"""The drill as a picture: acceptance over simulated days, what happened on them, and which releases were where. Plain SVG."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from html import escape

from app.usecases.drill.small_marquee import StepLists
from app.usecases.drill.story import Span, Story

WIDTH, LEFT, RIGHT = 1160, 66, 20
TOP, HEIGHT = 76, 300  # of the plot
LANE, GAP = 22, 8
MIN_LISTS = 5  # of a step; fewer are no rate
ARMS = {
    "control": ("everybody else", "#2457a6"),
    "canary": ("canary", "#d9731a"),
    "holdback": ("held back on the release before", "#7a7a7a"),
}
STAGES = {"shadow": "#b9a7dd", "canary": "#f0b070", "probation": "#a8d5a2"}
PRODUCTION = ("#9dbde6", "#cfdff3")  # one release after the other


def drawn(story: Story, seen: Sequence[StepLists]) -> str:
    """The chart as one SVG element."""
    first = story.acts[0][1]
    last = max([first + 1.0, *(line.day for line in story.told)])

    def x(day: float) -> float:
        return LEFT + (day - first) / (last - first) * (WIDTH - LEFT - RIGHT)

    lanes = (("production", served(seen, story.versions)), ("rollout", story.spans))
    below = TOP + HEIGHT + 34
    parts = [*_acts(story, last, x), *_axes(first, last, x), *_lines(seen, x), *_marks(story, x), *_legend()]
    for number, (name, spans) in enumerate(lanes):
        parts += _lane(name, spans, below + number * (LANE + GAP), x)
    height = below + len(lanes) * (LANE + GAP) + 4
    style = 'font-family="system-ui, sans-serif" font-size="12"'
    label = "Share of lists that were accepted, by simulated day"
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}" {style}>{"".join(parts)}</svg>'


def served(seen: Sequence[StepLists], versions: Mapping[str, str]) -> list[Span]:
    """Which release was production when, by the lists of those who are in no part of a rollout."""
    spans: list[Span] = []
    for one in seen:
        if one.arm != "control":
            continue
        label = f"v{versions[one.release]}"
        start = spans[-1].end if spans else one.day
        if spans and spans[-1].label == label:
            spans[-1] = replace(spans[-1], end=one.day)
        else:
            spans.append(Span(start, one.day, label, "production"))
    return spans


def marked(story: Story) -> list[tuple[float, str]]:
    """What the chart numbers: day and words, in order."""
    return [(line.day, line.mark) for line in story.told if line.mark]


def _acts(story: Story, last: float, x: Callable[[float], float]) -> Iterable[str]:
    ends = [day for _, day in story.acts[1:]] + [last]
    for number, ((title, begin), end) in enumerate(zip(story.acts, ends, strict=True), 1):
        fill = "#f6f7f9" if number % 2 else "#eceff3"
        left, width = x(begin), max(x(end) - x(begin), 0.0)
        yield f'<rect x="{left:.1f}" y="{TOP}" width="{width:.1f}" height="{HEIGHT}" fill="{fill}"/>'
        if width > 1:
            yield _text(left + 4, TOP - 26 - 14 * (number % 2), f"{number} {title}", size=12, weight="bold")


def _axes(first: float, last: float, x: Callable[[float], float]) -> Iterable[str]:
    for percent in range(0, 101, 20):
        y = _y(percent / 100)
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#d4d8de"/>'
        yield _text(LEFT - 8, y + 4, f"{percent} %", anchor="end")
    for day in range(int(first), int(last) + 1, 2):
        if day >= first:
            yield _text(x(day), TOP + HEIGHT + 16, f"day {day}", anchor="middle", fill="#555")


def _lines(seen: Sequence[StepLists], x: Callable[[float], float]) -> Iterable[str]:
    for arm, (_, colour) in reversed(ARMS.items()):
        mine = [one for one in seen if _group(one.arm) == arm and one.lists >= MIN_LISTS]
        runs: list[list[StepLists]] = []
        for one in mine:
            if runs and one.day - runs[-1][-1].day < 1.01:
                runs[-1].append(one)
            else:
                runs.append([one])
        for run in runs:
            points = " ".join(f"{x(one.day):.1f},{_y(one.accepted / one.lists):.1f}" for one in run)
            yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        for one in mine:
            said = f"day {one.day:g}, {arm}: {one.accepted} of {one.lists} lists accepted"
            at = f'cx="{x(one.day):.1f}" cy="{_y(one.accepted / one.lists):.1f}"'
            yield f'<circle {at} r="3.2" fill="{colour}"><title>{escape(said)}</title></circle>'


def _marks(story: Story, x: Callable[[float], float]) -> Iterable[str]:
    """Numbered lines; marks of the same day share one line, and stand below each other."""
    placed: dict[float, int] = {}
    for number, (day, words) in enumerate(marked(story), 1):
        at, row = x(day), placed.get(day, 0)
        placed[day] = row + 1
        if row == 0:
            yield f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{TOP + HEIGHT}" stroke="#a01c3a" stroke-dasharray="3 3"/>'
        y = TOP + 12 + 20 * row
        yield f'<circle cx="{at:.1f}" cy="{y}" r="9" fill="#a01c3a"><title>{escape(words)}</title></circle>'
        yield _text(at, y + 4, str(number), anchor="middle", fill="#fff", weight="bold", size=11)


def _legend() -> Iterable[str]:
    left = LEFT
    for name, colour in ARMS.values():
        yield f'<rect x="{left}" y="4" width="14" height="10" fill="{colour}"/>'
        yield _text(left + 19, 13, name)
        left += 40 + 7 * len(name)
    yield _text(left, 13, "share of the lists of half a day that were accepted", fill="#555")


def _lane(name: str, spans: Sequence[Span], y: float, x: Callable[[float], float]) -> Iterable[str]:
    yield _text(2, y + 15, name, fill="#555", size=11)
    for number, span in enumerate(spans):
        fill = STAGES.get(span.stage, PRODUCTION[number % 2])
        left, width = x(span.start), max(x(span.end) - x(span.start), 2.0)
        said = f"{span.label}, {span.stage}: day {span.start:g} to {span.end:g}"
        yield f'<rect x="{left:.1f}" y="{y}" width="{width:.1f}" height="{LANE}" fill="{fill}" stroke="#fff">'
        yield f"<title>{escape(said)}</title></rect>"
        words = next((short for short in (f"{span.label} {span.stage}", span.label) if len(short) * 6.2 < width), "")
        yield _text(left + 4, y + 15, words, size=11)


def _group(arm: str) -> str:
    return next((name for name in ("canary", "holdback") if arm.endswith(f"-{name}")), "control")


def _y(share: float) -> float:
    return TOP + HEIGHT * (1 - share)


def _text(
    x: float, y: float, words: str, *, anchor: str = "start", fill: str = "#222", weight: str = "normal", size: int = 12
) -> str:
    at = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}" font-weight="{weight}" font-size="{size}"'
    return f"<text {at}>{escape(words)}</text>"
