"""What each part of one request did, and how long it took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class StageTrace:
    """What one part did: how many items it returned or dropped, and how long it took."""

    stage: str
    part: str
    returned: int
    dropped: int
    milliseconds: float
    error: str | None = None
    note: str | None = None  # what else there is to know

    def as_json(self) -> dict[str, Any]:
        return {
            "stage": self.stage,
            "part": self.part,
            "returned": self.returned,
            "dropped": self.dropped,
            "milliseconds": round(self.milliseconds, 3),
            "error": self.error,
            "note": self.note,
        }


@dataclass(slots=True)
class Trace:
    """The stages of one request in order."""

    stages: list[StageTrace] = field(default_factory=list)

    @contextmanager
    def stage(self, stage: str, part: str) -> Iterator[Callable[[int, int, str | None], None]]:
        """Times the block; the block reports (returned, dropped, error)."""
        outcome: tuple[int, int, str | None] = (0, 0, None)

        def report(returned: int, dropped: int = 0, error: str | None = None) -> None:
            nonlocal outcome
            outcome = (returned, dropped, error)

        start = time.perf_counter()
        yield report
        self.stages.append(StageTrace(stage, part, outcome[0], outcome[1], (time.perf_counter() - start) * 1e3, outcome[2]))

    def note(self, note: str) -> None:
        """Say something about the latest stage that is no failure."""
        self.stages[-1] = replace(self.stages[-1], note=note)

    def emptied(self) -> StageTrace | None:
        """The first filter that left nothing."""
        return next((one for one in self.stages if one.stage == "filter" and not one.returned), None)

    def failed(self) -> list[StageTrace]:
        return [stage for stage in self.stages if stage.error is not None]
