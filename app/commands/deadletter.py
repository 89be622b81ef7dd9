"""`marquee deadletter`: events that could not be used, and what becomes of them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import typer
from rich.markup import escape
from rich.table import Table

from app import wiring
from app.console import out, settings
from core.deadletter import DeadLetter, open_letters
from core.errors import InvalidInput
from core.events import DEADLETTER, TOPICS
from core.ports import EventLog, Record
from core.progress import watched

app = typer.Typer(no_args_is_help=True, help="List, replay or drop events that could not be used.")
LetterIds = Annotated[list[str] | None, typer.Argument(help="ids of letters or their prefixes; all letters by default")]
LetterReason = Annotated[str, typer.Option(help="only letters with this reason, for example unknown_item")]
Topic = Annotated[str, typer.Option(help="only letters of events of this topic")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="show what would happen; change nothing")]
Letter = TypeVar("Letter")
_SHOWN = 2000  # bytes of one event
_CHUNK = 500  # letters between two updates of the progress bar


@app.command("list", epilog="Example: marquee deadletter list --reason unknown_item --limit 20")
def list_(
    ids: LetterIds = None,
    reason: LetterReason = "",
    topic: Topic = "",
    limit: Annotated[int, typer.Option(min=1, help="maximum number of letters to show, newest first")] = 50,
    raw: Annotated[bool, typer.Option("--raw", help="also show the event's bytes")] = False,
) -> None:
    """List quarantined events that have been neither replayed nor dropped."""
    with closing(wiring.event_log(settings())) as log:
        letters = _chosen(log, ids, reason, topic)
    table = Table("id", "reason", "what is wrong", "quarantined (UTC)", "from", "bytes")
    for letter in letters[: -limit - 1 : -1]:
        when = f"{datetime.fromtimestamp(letter.ts, UTC):%Y-%m-%d %H:%M:%S}"
        table.add_row(letter.id, escape(letter.reason), escape(letter.detail), when, _place(letter), str(len(letter.value)))
        if raw:
            table.add_row("", "", escape(letter.value[:_SHOWN].decode(errors="backslashreplace")))
    out.print(table)
    counted = ", ".join(f"{count} {name}" for name, count in Counter(letter.reason for letter in letters).most_common())
    out.print(f"{len(letters)} open letters" + (f": {counted}" if counted else ""), markup=False)


@app.command("replay", epilog="Example: marquee deadletter replay --reason unknown_item --dry-run")
def replay_(ids: LetterIds = None, reason: LetterReason = "", topic: Topic = "", dry_run: DryRun = False) -> None:
    """Send the letters that can be used now (the film was added, the clock rule changed) through the log again, once each.

    What still cannot be used stays where it is. Harmless to repeat.
    """
    from streaming.deadletters.replaying import replay

    with closing(wiring.event_log(settings())) as log:
        usable, unusable = _repaired(_chosen(log, ids, reason, topic))
        new = 0 if dry_run else sum(replay(log, chunk) for chunk in _chunks(usable, "replaying"))
    for detail, count in Counter(f"{letter.reason}: {letter.detail}" for letter in unusable).most_common(10):
        out.print(f"stays, {count} x {detail}", markup=False, soft_wrap=True)
    done = f"{len(usable)} would be replayed (dry run)" if dry_run else f"{len(usable)} replayed, {new} of them new to the log"
    out.print(f"{done}; {len(unusable)} still cannot be used")


@app.command(epilog="Example: marquee deadletter drop --reason malformed")
def drop(
    ids: LetterIds = None,
    reason: LetterReason = "",
    topic: Topic = "",
    everything: Annotated[bool, typer.Option("--all", help="every letter")] = False,
    dry_run: DryRun = False,
) -> None:
    """Drop letters for good."""
    from streaming.deadletters.replaying import close

    if not (ids or reason or topic or everything):
        raise InvalidInput("what to drop", "nothing", "ids, --reason, --topic, or --all for every letter")
    with closing(wiring.event_log(settings())) as log:
        letters = _chosen(log, ids, reason, topic)
        for chunk in [] if dry_run else _chunks(letters, "dropping"):
            close(log, chunk)
    out.print(f"{len(letters)} {'would be dropped (dry run)' if dry_run else 'dropped'}")


def _chosen(log: EventLog, ids: Sequence[str] | None, reason: str, topic: str) -> list[DeadLetter]:
    """Open letters, oldest first. Raises InvalidInput for an id that no letter has, or for a topic that does not exist."""
    if topic and topic not in TOPICS:
        raise InvalidInput("--topic", topic, ", ".join(TOPICS))
    letters = open_letters(log.read(DEADLETTER))
    for prefix in ids or ():
        if not any(id_.startswith(prefix) for id_ in letters):
            raise InvalidInput("id", prefix, "the id of an open letter; see `marquee deadletter list`")
    return [
        letter
        for id_, letter in letters.items()
        if (not ids or id_.startswith(tuple(ids))) and reason in ("", letter.reason) and topic in ("", letter.topic)
    ]


def _repaired(letters: Sequence[DeadLetter]) -> tuple[list[tuple[DeadLetter, Record]], list[DeadLetter]]:
    """The letters that can be used now, with their records, and what is still wrong with the others."""
    from lake.items_feed import KnownItems
    from streaming.deadletters.replaying import repaired
    from streaming.decoding import Contract

    contract = Contract(KnownItems(wiring.lake(settings())), wiring.clock_rule(settings()))
    outcomes = [(letter, repaired(letter, contract, time.time())) for letter in letters]
    usable = [(letter, outcome) for letter, outcome in outcomes if isinstance(outcome, Record)]
    return usable, [outcome for _, outcome in outcomes if isinstance(outcome, DeadLetter)]


def _chunks(letters: Sequence[Letter], doing: str) -> Iterator[Sequence[Letter]]:
    """The letters in chunks, with a progress bar."""
    starts = range(0, len(letters), _CHUNK)
    for start in watched(starts, doing):
        yield letters[start : start + _CHUNK]


def _place(letter: DeadLetter) -> str:
    return letter.topic if letter.offset < 0 else f"{letter.topic} {letter.partition}:{letter.offset}"
