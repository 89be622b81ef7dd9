"""Waiting for a service to come back: never skip, never lose, say so once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event
from typing import TypeVar

from core.errors import DependencyUnavailable
from core.telemetry import DEPENDENCY_UP

Result = TypeVar("Result")
_FIRST_WAIT, _MAX_WAIT = 0.1, 5.0  # seconds between attempts
_log = logging.getLogger(__name__)


def until_it_works(work: Callable[[], Result], dependency: str, stop: Event) -> Result | None:
    """What `work` returns, however long its service is away; None when `stop` came first.

    Only DependencyUnavailable is waited out: a bug stays loud.
    """
    wait = _FIRST_WAIT
    while True:
        try:
            result = work()
        except DependencyUnavailable as error:
            DEPENDENCY_UP.labels(dependency).set(0)
            _log.warning("%s; retrying in %.1f s", error.detail, wait)
            if stop.wait(wait):
                return None
            wait = min(wait * 2, _MAX_WAIT)
        else:
            DEPENDENCY_UP.labels(dependency).set(1)
            return result
