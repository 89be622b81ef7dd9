"""The decision record: one JSON line for each check of the watchdog, the newest last."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

DECISIONS = "decisions.jsonl"
KEPT = 5_000  # decisions; at one a minute these are three and a half days
_log = logging.getLogger(__name__)


class SeenWindow(BaseModel):
    """One of the windows that follow each other since the release was promoted; some checks see the same one again."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    number: int
    seen_to: float  # time of its newest event when it was first seen
    yes: bool | None = None  # whether it showed what is looked for; None: it cannot be told


class Entry(BaseModel):
    """One decision. Times are Unix seconds."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    at: float
    verdict: str
    reasons: tuple[str, ...] = Field(description="why")
    action: str = Field(description="what the watchdog did")
    next_at: float = Field(description="when it looks again")
    release: str | None = Field(None, description="the release that behaviour was compared with; None if none could be read")
    drifted: bool | None = Field(None, description="whether this window alone drifted; None: it cannot be told")
    window: int = Field(0, description="number of the window since the release was promoted; some checks see the same one again")
    seen_to: float = Field(0.0, description="time of the newest event when the window was first seen")
    rewards: SeenWindow | None = Field(None, description="the window of lists, and whether their reward fell")

    def of(self, what: str) -> SeenWindow | None:
        """The window of the events (`drift`) or of the lists (`reward`)."""
        if what == "reward":
            return self.rewards
        return SeenWindow(number=self.window, seen_to=self.seen_to, yes=self.drifted)


class Timeline:
    """The record in one folder. Its order is that of the checks, also when the clock was set back in between.

    The file is cut to the newest `kept` lines when it has twice as many. A line that was cut off by a crash is skipped
    and logged.
    """

    def __init__(self, folder: Path, kept: int = KEPT) -> None:
        self._path = folder / DECISIONS
        self._kept = kept
        self._lines: int | None = None  # unknown until the first append

    def append(self, entry: Entry) -> None:
        """Add one decision. Raises OSError."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._lines is None:
            text = self._text()
            torn = "\n" if text and not text.endswith("\n") else ""  # a crash cut the last line off: do not write on it
            self._lines = len(text.splitlines())
        else:
            torn = ""
        with self._path.open("a") as file:
            file.write(torn + entry.model_dump_json() + "\n")
        self._lines += 1
        if self._lines > 2 * self._kept:
            self._cut()

    def newest(self, count: int) -> Sequence[Entry]:
        """Up to `count` latest decisions, oldest first; none if there is no record yet. Raises OSError."""
        entries = []
        for line in self._text().splitlines()[-count:]:
            try:
                entries.append(Entry.model_validate_json(line))
            except ValidationError as error:
                _log.warning("a line of %s cannot be read and is skipped: %s", self._path, error)
        return entries

    def _text(self) -> str:
        try:
            return self._path.read_text(errors="replace")
        except FileNotFoundError:  # no decision yet
            return ""

    def _cut(self) -> None:
        lines = self._text().splitlines(keepends=True)[-self._kept :]
        scratch = self._path.with_name(f".{DECISIONS}.new")
        scratch.write_text("".join(lines))
        scratch.replace(self._path)
        self._lines = len(lines)
