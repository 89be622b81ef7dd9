"""`marquee events`: events from elsewhere."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import typer

from app.bars import Bars
from app.console import out, settings
from core.errors import InvalidInput

app = typer.Typer(no_args_is_help=True, help="Import events from other sources.")


@app.callback()
def _group() -> None:
    """Import events from other sources."""  # with one command only, typer would drop the group


@app.command("import", epilog="Example: marquee events import server.log --movies films.csv --dry-run; or from a pipe: -")
def import_(
    file: Annotated[str, typer.Argument(help="the log file, or - for standard input")] = "",
    form: Annotated[  # noqa: ARG001 - there is one so far; typer checks it
        Literal["course"], typer.Option("--format", help="course: the movie-streaming course's log")
    ] = "course",
    topic: Annotated[str, typer.Option(help="read this topic of the event log instead of a file")] = "",
    movies: Annotated[Path | None, typer.Option(help="CSV: id, item_id; else titles and years are compared")] = None,
    gap: Annotated[float, typer.Option(min=1.0, help="minutes of inactivity that end a session of one film")] = 30.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="check and report; send nothing")] = False,
) -> None:
    """Send the ratings and watched sessions of a course log (docs/events.md) to the event log; a repeat counts once.

    What cannot be read, or names no film of the catalogue, goes to the dead-letter topic with the reason. A topic keeps
    growing, so a session in it that is still open is left for the next run.
    """
    from app.usecases import course_log

    if bool(file) == bool(topic):
        raise InvalidInput("FILE, --topic", f"{file!r}, {topic!r}", "one of the two")
    table = course_log.movie_table(movies) if movies else {}
    lines = course_log.from_topic(settings(), topic) if topic else _lines(file)
    found = course_log.import_lines(settings(), lines, table, gap * 60.0, not topic, dry_run)
    _print_counts("lines", found.lines)
    _print_counts("events", found.events)
    _print_counts("quarantined", found.quarantined)
    out.print("dry run: nothing was sent" if dry_run else f"{found.new} of the events are new to the log")


def _lines(file: str) -> Iterator[bytes]:
    """With a progress bar in bytes. Raises InvalidInput."""
    from app.usecases.course_log import from_stream

    path = Path(file)
    if file != "-" and not path.is_file():
        raise InvalidInput("FILE", file, "a file, or - for standard input")
    size = None if file == "-" else path.stat().st_size
    opened: AbstractContextManager[BinaryIO] = nullcontext(sys.stdin.buffer) if file == "-" else path.open("rb")
    with opened as stream, Bars() as progress:
        bar = progress.add_task("reading", total=size)
        for line in from_stream(stream):
            progress.advance(bar, len(line))
            yield line


def _print_counts(what: str, counted: Counter[str]) -> None:
    parts = ", ".join(f"{count:,} {name}" for name, count in counted.most_common())
    out.print(f"{counted.total():,} {what}" + (f": {parts}" if parts else ""), markup=False)
