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
    rules = [Rule(~pl.col(c.KIND).is_in(list(KIND_CODE)), c.KIND, f"kind is not one of {', '.join(KIND_CODE)}")]
    for kind in KINDS:
        allowed, of_kind = kind.spec.value, pl.col(c.KIND) == kind.value
        if allowed is None:
            rules.append(Rule(of_kind & pl.col(c.VALUE).is_not_null(), c.VALUE, f"a {kind.value} carries no value"))
        else:
            inside = pl.col(c.VALUE).is_between(allowed.low, allowed.high).fill_null(not kind.spec.value_required)
            rules.append(Rule(of_kind & ~inside, c.VALUE, f"{kind.value} outside {allowed}"))
    latest = min(now + rule.skew, LATEST - 1e-3)
    rules.append(Rule(~pl.col(c.TS).is_between(rule.earliest, latest), c.TS, f"ts is outside {_clock_range(rule, now)}"))
    return rules


def own_id_rule() -> Rule:
    """For rows that have their own event_id."""
    return Rule(~pl.col(c.EVENT_ID).str.contains(ID_PATTERN), c.EVENT_ID, f"event_id does not match {ID_PATTERN}")


def event_id() -> pl.Expr:
    """The id of an event without one of its own: the same user, item, kind and time (to the millisecond) give the same id."""
    code = pl.col(c.KIND).replace_strict(KIND_CODE, default=None, return_dtype=pl.Int64)
    return pl.format("i-{}-{}-{}-{}", c.USER, c.ITEM, code, _millisecond())


IDENTITY, SUBJECT, CONTENT = "identity", "subject", "content"
FINGERPRINTS = pl.Schema(dict.fromkeys((IDENTITY, SUBJECT, CONTENT), pl.UInt64))


def fingerprints(own_ids: bool) -> list[pl.Expr]:
    """Numbers of 64 bits, by which events are compared without being kept (`FINGERPRINTS`).

    Two rows with the same `identity` are the same event: by `event_id`, or by user, item, kind and time. With the same `subject`
    as well they concern the same user and item, with the same `content` the same kind, time and value. Among ten million
    events, two share one by accident with a probability of 1 in 400 thousand.
    """
    user, item, kind, when = pl.col(c.USER).hash(1), pl.col(c.ITEM).hash(2), pl.col(c.KIND).hash(3), _millisecond().hash(4)
    same = pl.col(c.EVENT_ID).hash(11) if own_ids else user ^ item ^ kind ^ when
    subject = same ^ pl.col(c.USER).hash(5) ^ pl.col(c.ITEM).hash(6)
    content = same ^ pl.col(c.KIND).hash(7) ^ _millisecond().hash(8) ^ pl.col(c.VALUE).hash(9)
    return [same.alias(IDENTITY), subject.alias(SUBJECT), content.alias(CONTENT)]


@dataclass(frozen=True, eq=False)
class Fates:
    """What becomes of rows [n]; one without any of these is new.

    `known` events existed before. Of them, `changed` ones had another kind, time or value, and `foreign` ones another user or
    item, so that they are other events under the same id. `repeated` ones have the identity of an earlier row of the file, and
    of them `contradicting` ones another content.
    """

    known: NDArray[np.bool_]
    changed: NDArray[np.bool_]
    foreign: NDArray[np.bool_]
    repeated: NDArray[np.bool_]
    contradicting: NDArray[np.bool_]


class Seen:
    """The fingerprints of events, in 24 bytes each: those that existed before, and those read from a file so far."""

    def __init__(self, before: pl.DataFrame | None = None) -> None:
        """`before` has `FINGERPRINTS`."""
        before = FINGERPRINTS.to_frame() if before is None else before
        self._identities, self._subjects, self._contents = (np.sort(before[name].to_numpy()) for name in FINGERPRINTS)
        self._now = self._contents_now = np.empty(0, np.uint64)

    def add(self, rows: pl.DataFrame) -> Fates:
        """What becomes of the next rows, which have `FINGERPRINTS`."""
        identities, subjects, contents = (rows[name].to_numpy() for name in FINGERPRINTS)
        first = np.zeros(len(rows), dtype=bool)
        first[np.unique(identities, return_index=True)[1]] = True
        repeated = ~first | _among(identities, self._now)
        # a stable sort merges two sorted runs
        self._now = np.sort(np.concatenate([self._now, identities[~repeated]]), kind="stable")
        self._contents_now = np.sort(np.concatenate([self._contents_now, contents[~repeated]]), kind="stable")
        known = ~repeated & _among(identities, self._identities)
        foreign = known & ~_among(subjects, self._subjects)
        changed = known & ~foreign & ~_among(contents, self._contents)
        return Fates(known, changed, foreign, repeated, repeated & ~_among(contents, self._contents_now))


def _among(wanted: NDArray[np.uint64], ordered: NDArray[np.uint64]) -> NDArray[np.bool_]:
    if not len(ordered):
        return np.zeros(len(wanted), dtype=bool)
    found: NDArray[np.bool_] = ordered[np.searchsorted(ordered, wanted).clip(max=len(ordered) - 1)] == wanted
    return found


def _millisecond() -> pl.Expr:
    return (pl.col(c.TS) * 1e3).round().cast(pl.Int64)


def _clock_range(rule: ClockRule, now: float) -> str:
    if now + rule.skew >= LATEST:
        return f"{_moment(rule.earliest)} to the year 9999"
    return (
        f"{_moment(rule.earliest)} (MARQUEE_EARLIEST_EVENT) to {_moment(now + rule.skew)} "
        f"(now, and {rule.skew:g} s by MARQUEE_CLOCK_SKEW)"
    )


def _moment(seconds: float) -> str:
    return f"{np.datetime64(int(seconds), 's')}Z"
