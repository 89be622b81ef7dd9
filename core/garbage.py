"""Python's cycle collector, and freed memory, in a process that answers requests."""

from __future__ import annotations

import ctypes
import gc
import sys


def freeze() -> None:
    """Spare the collector everything that exists now: what was imported and loaded lives as long as the process.

    A full collection looks at every object, which took 75 to 280 ms in the API (hundreds of thousands of objects of imported
    modules) and came every few seconds under load: the p99.9 of a list, and time-outs that no store had caused.
    """
    gc.collect()
    gc.freeze()
    give_back()


def give_back() -> None:
    """Return freed memory to the system after work that needed much: glibc by itself has only the end of its heap returned."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if trim is not None:
            trim(0)
