"""Poison records: those that make the event log fail with an unexpected error each time, alone or with others.

A batch that keeps failing is appended one by one. A record is poison only if the log took another one of the same batch: a
log that fails on all of them is itself at fault, and then every record stays queued.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from core.errors import DependencyUnavailable
from core.ports import Record

MAX_FAILURES = 3  # unexpected failures of the same batch before it is taken apart


class Poison(NamedTuple):
    """A record that the log cannot take: its place in the batch, and what the log failed with."""

    at: int
    error: Exception


def append_one_by_one(append: Callable[[Record], object], batch: Sequence[Record]) -> list[Poison]:
    """Append each record alone; returns those that failed. Appending again after a failure is harmless: ids are kept once.

    Raises DependencyUnavailable when the log is unavailable, and the first unexpected error when the log fails on every record.
    """
    poison = []
    for at, record in enumerate(batch):
        try:
            append(record)
        except DependencyUnavailable:
            raise
        except Exception as error:  # a bug of any kind is what this function is for
            poison.append(Poison(at, error))
    if poison and len(poison) == len(batch):
        raise poison[0].error
    return poison
