"""Modules of Marquee's own in new processes, whatever lies in the folder in which it was started."""

from __future__ import annotations

import sys
from pathlib import Path

from core.settings import REPOSITORY


def own_module(name: str, *arguments: str) -> tuple[str, ...]:
    """The command that runs a module with this Python.

    `python -m` looks into the current folder first, where a user's own project may have an `app` or a `core`; only where that
    folder is Marquee's does it have to.
    """
    safe = () if Path.cwd() == REPOSITORY else ("-P",)
    return (sys.executable, *safe, "-m", name, *arguments)
