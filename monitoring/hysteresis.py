"""How earlier windows count: drift has to be seen in n of the last m windows. Pure; the decision record is its memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitoring.timeline import Entry

NEW_SHARE = 0.5  # of a window's events; with fewer new ones it is the window before, seen once more


class Place(NamedTuple):
    """A window's number, the time of the newest event when it was first seen, and whether earlier windows drifted."""

    number: int
    seen_to: float
    before: tuple[bool, ...]  # oldest first


def place(times: NDArray[np.float64], release: str, earlier: Sequence[Entry]) -> Place:
    """Where a window with events at these times [n] stands among the earlier decisions on the same release.

    Checks come more often than windows fill. A window that is mostly the one before takes its place, so that the same
    events are not counted twice.
    """
    newest = float(times.max()) if len(times) else 0.0
    told = {entry.window: entry for entry in earlier if entry.release == release and entry.drifted is not None}
    if not told:
        return Place(0, newest, ())
    last = told[max(told)]
    if len(times) and float((times > last.seen_to).mean()) >= NEW_SHARE:
        number, seen_to = last.window + 1, newest
    else:
        number, seen_to = last.window, last.seen_to
    return Place(number, seen_to, tuple(bool(told[earlier].drifted) for earlier in sorted(told) if earlier < number))
