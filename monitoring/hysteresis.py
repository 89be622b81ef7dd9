"""How earlier windows count: drift has to be seen in n of the last m windows. Pure; the decision record is its memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from monitoring.timeline import Entry, SeenWindow

NEW_SHARE = 0.5  # of a window's events; with fewer new ones it is the window before, seen once more


def place(
    times: NDArray[np.float64], release: str, earlier: Sequence[Entry], of: str = "drift"
) -> tuple[SeenWindow, tuple[bool, ...]]:
    """Where a window with events (or lists) at these times [n] stands among the earlier decisions on the same release, and
    whether earlier windows, the oldest first, showed what is looked for: a `drift` of the events or the fall of a `reward`.

    Checks come more often than windows fill. A window that is mostly the one before takes its place, so that the same
    events are not counted twice.
    """
    newest = float(times.max()) if len(times) else 0.0
    found = [entry.of(of) for entry in earlier if entry.release == release]
    told = {window.number: window for window in found if window is not None and window.yes is not None}
    if not told:
        return SeenWindow(number=0, seen_to=newest), ()
    last = told[max(told)]
    if len(times) and float((times > last.seen_to).mean()) >= NEW_SHARE:
        window = SeenWindow(number=last.number + 1, seen_to=newest)
    else:
        window = SeenWindow(number=last.number, seen_to=last.seen_to)
    return window, tuple(bool(told[number].yes) for number in sorted(told) if number < window.number)
