"""The watchdog's decisions as a table for people."""

from __future__ import annotations

from datetime import UTC, datetime

from rich.table import Table

from core.errors import DependencyUnavailable
from core.settings import Settings
from monitoring.timeline import Timeline

SHOWN = 50  # decisions


def timeline_table(settings: Settings) -> Table:
    """The latest decisions, the newest last. Raises OSError."""
    entries = Timeline(settings.folder("watch")).newest(SHOWN)
    table = Table("when (UTC)", "verdict", "why", "what was done", "next", title="The watchdog's decisions" if entries else None)
    for entry in entries:
        table.add_row(_time(entry.at), entry.verdict, "; ".join(entry.reasons), entry.action, _time(entry.next_at))
    if not entries:
        table.caption = "no decision yet: start `marquee up` or `marquee watch --once`"
    return table


def latest_decisions(settings: Settings, count: int) -> list[dict[str, object]]:
    """Up to `count` latest decisions for the API, oldest first. Raises DependencyUnavailable when the record cannot be read."""
    try:
        entries = Timeline(settings.folder("watch")).newest(count)
    except OSError as error:
        raise DependencyUnavailable("the decision record", str(error)) from error
    return [entry.model_dump(exclude={"drifted", "window", "seen_to", "rewards"}) for entry in entries]


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"
