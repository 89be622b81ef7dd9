"""The event contract of `core.events` and `core.kinds`, for whole columns: files cannot import what the API refuses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core import columns as c
from core.events import ID_PATTERN, ClockRule
from core.kinds import KIND_CODE, KINDS

LATEST = 253_402_300_800.0  # Unix seconds at the start of the year 10000, where dates end
ANY_TIME = ClockRule(skew=LATEST, earliest=0.0)


@dataclass(frozen=True)
class Rule:
    """A condition that a row must not meet, the column that it concerns, and the reason to report."""

    broken: pl.Expr
    column: str
    reason: str


def event_rules(rule: ClockRule = ANY_TIME, now: float = 0.0) -> list[Rule]:
    """For rows with user_id, item_id, kind, value and ts, already as keys and numbers; `now` is in Unix seconds."""
    rules = [Rule(~pl.col(c.KIND).is_in(list(KIND_CODE)), c.KIND, f"kind is none of {', '.join(KIND_CODE)}")]
    for kind in KINDS:
        allowed, of_kind = kind.spec.value, pl.col(c.KIND) == kind.value
        if allowed is None:
            rules.append(Rule(of_kind & pl.col(c.VALUE).is_not_null(), c.VALUE, f"a {kind.value} carries no value"))
        else:
            inside = pl.col(c.VALUE).is_between(allowed.low, allowed.high).fill_null(not kind.spec.value_required)
            rules.append(Rule(of_kind & ~inside, c.VALUE, f"{kind.value} outside {allowed}"))
    latest = min(now + rule.skew, LATEST)
    rules.append(Rule(~(pl.col(c.TS) >= 0) | ~(pl.col(c.TS) < LATEST), c.TS, "ts is no Unix time in seconds"))
    rules.append(Rule(pl.col(c.TS) < rule.earliest, c.TS, f"ts is before {_date(rule.earliest)} (MARQUEE_EARLIEST_EVENT)"))
    rules.append(Rule(pl.col(c.TS) > latest, c.TS, f"ts is after {_date(latest)}: later than now"))
    return rules


def own_id_rule() -> Rule:
    """For rows that have their own event_id."""
    return Rule(~pl.col(c.EVENT_ID).str.contains(ID_PATTERN), c.EVENT_ID, f"event_id is none: {ID_PATTERN}")


def event_id() -> pl.Expr:
    """The id of an event without one of its own: the same user, item, kind and time (to the millisecond) give the same id."""
    code = pl.col(c.KIND).replace_strict(KIND_CODE, default=None, return_dtype=pl.Int64)
    return pl.format("i-{}-{}-{}-{}", c.USER, c.ITEM, code, _millisecond())


def identity(own_ids: bool) -> pl.Expr:
    """A 64-bit number that two rows share if they are the same event: by `event_id`, or by user, item, kind and time.

    Among ten million events, two share one by accident with a probability of 1 in 400 thousand.
    """
    if own_ids:
        return pl.col(c.EVENT_ID).hash(11).alias("identity")
    parts = pl.col(c.USER).hash(1) ^ pl.col(c.ITEM).hash(2) ^ pl.col(c.KIND).hash(3) ^ _millisecond().hash(4)
    return parts.alias("identity")


class Seen:
    """The identities of events, in 8 bytes each: those that existed before, and those read from a file so far."""

    def __init__(self, before: NDArray[np.uint64] | None = None) -> None:
        self._before = np.sort(before) if before is not None else np.empty(0, np.uint64)
        self._now = np.empty(0, np.uint64)

    def add(self, identities: NDArray[np.uint64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which ones existed before, and which ones repeat an earlier row of this file. Shape [n] each."""
        known = _among(identities, self._before)
        first = np.zeros(len(identities), dtype=bool)
        first[np.unique(identities, return_index=True)[1]] = True
        repeated = ~first | _among(identities, self._now)
        self._now = np.sort(np.concatenate([self._now, identities[~repeated]]), kind="stable")  # merges two sorted runs
        return known, repeated


def _among(wanted: NDArray[np.uint64], ordered: NDArray[np.uint64]) -> NDArray[np.bool_]:
    if not len(ordered):
        return np.zeros(len(wanted), dtype=bool)
    found: NDArray[np.bool_] = ordered[np.searchsorted(ordered, wanted).clip(max=len(ordered) - 1)] == wanted
    return found


def _millisecond() -> pl.Expr:
    return (pl.col(c.TS) * 1e3).round().cast(pl.Int64)


def _date(seconds: float) -> str:
    return str(np.datetime64(int(seconds), "s").astype("datetime64[D]"))
