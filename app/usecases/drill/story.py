"""What happened in a drill, and whether it was what is expected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from core.errors import MarqueeError


class DrillFailed(MarqueeError):
    """Something did not happen as it has to."""

    status = 500
    slug = "drill-failed"
    title = "The drill failed"


@dataclass(frozen=True)
class Told:
    """One line of the timeline. `mark`: a few words for the chart, empty for what it does not show."""

    day: float  # simulated
    act: int
    text: str
    mark: str = ""


@dataclass(frozen=True)
class Expectation:
    """What has to be true, and what was found."""

    act: int
    text: str
    held: bool
    found: str


@dataclass(frozen=True)
class Span:
    """From when to when, in simulated days, a release was in a stage."""

    start: float
    end: float
    label: str
    stage: str


@dataclass
class Story:
    """The timeline so far. `say` gets each new line at once."""

    day: Callable[[], float]
    say: Callable[[Told], object] = lambda _: None
    acts: list[tuple[str, float]] = field(default_factory=list)  # title, and the day on which it began
    told: list[Told] = field(default_factory=list)
    expectations: list[Expectation] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)  # of releases on their way in
    versions: dict[str, str] = field(default_factory=dict)  # release -> version
    _open: bool = False  # whether the last span goes on

    def act(self, title: str) -> None:
        """Begin the next act."""
        self.acts.append((title, self.day()))
        self.tell(title, "")

    def tell(self, text: str, mark: str = "") -> None:
        """Put a line on the timeline."""
        line = Told(self.day(), len(self.acts), text, mark)
        self.told.append(line)
        self.say(line)

    def stage(self, label: str, stage: str) -> None:
        """Put what is being let in on the chart, as of now; an empty label for nothing."""
        now, last = self.day(), self.spans[-1] if self.spans else None
        if last is not None and self._open:
            self.spans[-1] = replace(last, end=now)
        if label and (not self._open or last is None or (last.label, last.stage) != (label, stage)):
            self.spans.append(Span(now, now, label, stage))
        self._open = bool(label)

    def expect(self, text: str, held: bool, found: str) -> None:
        """Note whether an expectation holds. Raises DrillFailed when it does not: what follows would mean nothing."""
        self.expectations.append(Expectation(len(self.acts), text, held, found))
        self.tell(f"{'as expected' if held else 'NOT AS EXPECTED'}: {text} ({found})")
        if not held:
            raise DrillFailed(f"expected in act {len(self.acts)}, {self.acts[-1][0]}: {text}; found: {found}")
