"""NumPy's linear algebra in a process that serves."""

from __future__ import annotations

from threadpoolctl import threadpool_limits


def compute_in_one_thread() -> None:
    """From now on BLAS computes in the thread that calls it.

    By itself it has a thread for each core, and they wait for each other actively. That gains nothing for products as small as a
    list's, and where other processes want the cores too, one that takes a tenth of a millisecond waits until each of its threads
    has had its turn.
    """
    import numpy  # noqa: F401 - only what is loaded can be limited

    threadpool_limits(1, user_api="blas")
