"""Pure handlers: what events do to users' features and to the lake's tables. No I/O and no clock here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import polars as pl
from pydantic import BaseModel

from core import columns as c
from core.deadletter import DeadLetter
from core.features import UserFeatures
from core.ports import LoggedRecord
from feature_repo.signals import DEFAULT_SIGNALS, Signals
from feature_repo.transforms import UserEvent, UserState
from streaming.decoding import Contract, Decoded, decode_all, decode_impression


class Rows(NamedTuple):
    """What records mean for a table of the lake, and the letters for those that mean nothing and that nobody set aside yet."""

    table: pl.DataFrame
    dead: Sequence[DeadLetter] = ()


def updated_users(
    decoded: Iterable[Decoded],
    known: Mapping[int, UserFeatures | None],
    genres: Mapping[int, Sequence[str]],
    signals: Signals = DEFAULT_SIGNALS,
) -> list[UserFeatures]:
    """New features of every user whose features change; an event that is in already changes nothing."""
    states: dict[int, UserState] = {}
    changed: set[int] = set()
    for one in decoded:
        event, user = one.event, one.event.user_id
        state = states.get(user)
        if state is None:
            state = states[user] = UserState(known.get(user) or UserFeatures(user), signals)
        happened = UserEvent(user, event.item_id, event.kind.value, event.value, event.ts)
        if state.deliver(happened, genres.get(event.item_id, ()), one.record.offset):
            changed.add(user)
    return [states[user].features() for user in states if user in changed]


def known_interaction_rows(records: Iterable[LoggedRecord], now: float, contract: Contract) -> Rows:
    """Rows of the lake's interactions table for the records that can be used; the feature loop sets the others aside."""
    return Rows(interaction_rows(decode_all(records, contract, now)[0]))


def interaction_rows(decoded: Iterable[Decoded]) -> pl.DataFrame:
    """Rows of the lake's interactions table."""
    return pl.DataFrame(
        [_row(one.record, one.event) for one in decoded], schema_overrides={c.VALUE: pl.Float64, c.REQUEST_ID: pl.String}
    )


def impression_rows(records: Iterable[LoggedRecord], now: float) -> Rows:
    """Rows of the lake's impressions table, and the letters for the records that are no impressions."""
    rows: list[dict[str, object]] = []
    dead: list[DeadLetter] = []
    for record in records:
        outcome = decode_impression(record, now)
        if isinstance(outcome, DeadLetter):
            dead.append(outcome)
        else:
            rows.append(_row(record, outcome))
    return Rows(pl.DataFrame(rows), dead)


def _row(record: LoggedRecord, event: BaseModel) -> dict[str, object]:
    return {**event.model_dump(mode="json", exclude={"schema_version"}), c.OFFSET: record.offset}
