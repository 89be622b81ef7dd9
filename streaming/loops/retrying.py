"""Retries until a service is available again, so that no record is skipped or lost during an outage."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event
from typing import TypeVar

from core.errors import DependencyRefused, DependencyUnavailable
from core.telemetry import DEPENDENCY_UP

Result = TypeVar("Result")
_FIRST_WAIT, _MAX_WAIT = 0.1, 5.0  # seconds between attempts
_log = logging.getLogger(__name__)


def retry_until_available(work: Callable[[], Result], dependency: str, stop: Event) -> Result | None:
    """The result of `work`, retried with backoff until its service is available; None if `stop` is set first.

    Only DependencyUnavailable is retried. DependencyRefused propagates, because it would come again; any other error is a bug.
    """
    wait = _FIRST_WAIT
    while True:
        try:
            result = work()
        except DependencyRefused:
            DEPENDENCY_UP.labels(dependency).set(0)
            raise
        except DependencyUnavailable as error:
            DEPENDENCY_UP.labels(dependency).set(0)
            _log.warning("%s; retrying in %.1f s", error.detail, wait)
            if stop.wait(wait):
                return None
            wait = min(wait * 2, _MAX_WAIT)
        else:
            DEPENDENCY_UP.labels(dependency).set(1)
            return result
