"""Where the command line prints: results go to stdout, progress and errors to stderr."""

from __future__ import annotations

from functools import cache

from pydantic import ValidationError
from rich.console import Console

from core.errors import InvalidInput, MarqueeError
from core.settings import Settings

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def echo(line: str) -> None:
    """A line of progress, for people."""
    err.print(line, soft_wrap=True)


def failed(error: MarqueeError) -> None:
    """What happened, in one line: the detail names what, why and what to do, so the title would only delay it."""
    err.print("[bold red]error:[/]", end=" ")
    err.print(error.detail, markup=False, soft_wrap=True)


@cache
def settings() -> Settings:
    """The settings of this process. Raises InvalidInput that names the variable."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "MARQUEE_" + "_".join(str(part) for part in first["loc"]).upper()
        raise InvalidInput(name, first["input"], first["msg"]) from error
