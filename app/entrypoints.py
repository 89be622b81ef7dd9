"""The functions behind the entry points that tools expect by name: `uvicorn serving.app:app` and `python -m ...`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from core.errors import MarqueeError

if TYPE_CHECKING:
    from fastapi import FastAPI


def build_api() -> FastAPI:
    """The API for the settings of the environment; ends the process with one message when it cannot be built."""
    from app.console import failed, settings
    from app.usecases import run

    try:
        return run.served_api(settings())
    except MarqueeError as error:
        failed(error)
        sys.exit(1)


def run_consumer() -> None:
    _command("consume")


def run_watchdog() -> None:
    _command("watch")


def run_training() -> None:
    _command("train")


def _command(name: str) -> None:
    """`python -m module ARGUMENTS` is `marquee NAME ARGUMENTS`."""
    from app.cli import main

    sys.argv = ["marquee", name, *sys.argv[1:]]
    main()
