"""Pure handlers: how events change users' features and the lake's tables. They do no I/O and read no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import polars as pl

from core import columns as c
from core.deadletter import DeadLetter
from core.events import Impression, Interaction
from core.features import UserFeatures
from core.ids import original, user_key
from core.ports import LoggedRecord
from feature_repo.signals import DEFAULT_SIGNALS, Signals
from feature_repo.transforms import UserEvent, UserState
from streaming.decoding import Contract, Decoded, ItemKeys, decode_all, decode_impressions, decode_list


class Rows(NamedTuple):
    """Rows for a table of the lake, and dead letters for the records that cannot be used and are not quarantined elsewhere."""

    table: pl.DataFrame
    dead: Sequence[DeadLetter] = ()


class Updated(NamedTuple):
    """Users whose features changed, and the events of users whose key belongs to another user."""

    users: list[UserFeatures]
    refused: list[Decoded]


def updated_users(
    decoded: Iterable[Decoded],
    known: Mapping[int, UserFeatures | None],
    genres: Mapping[int, Sequence[str]],
    signals: Signals = DEFAULT_SIGNALS,
) -> Updated:
    """New features of every user whose features change; an event that was applied before changes nothing.

    An event is refused if its user's key belongs to another user: merging two people is worse than losing an event.
    """
    states: dict[int, UserState] = {}
    changed: set[int] = set()
    refused: list[Decoded] = []
    for one in decoded:
        event, user, name = one.event, one.user, original(one.event.user_id)
        state = states.get(user)
        if state is None:
            state = states[user] = UserState(known.get(user) or UserFeatures(user, external_id=name), signals)
        if state.external_id != name:
            refused.append(one)
            continue
        happened = UserEvent(user, one.item, event.kind.value, event.value, event.ts)
        if state.deliver(happened, genres.get(one.item, ()), one.record.offset):
            changed.add(user)
    return Updated([states[user].features() for user in states if user in changed], refused)


def known_interaction_rows(records: Iterable[LoggedRecord], now: float, contract: Contract) -> Rows:
    """Rows of the lake's interactions table for the records that can be used; the feature loop quarantines the others."""
    return Rows(interaction_rows(decode_all(records, contract, now)[0]))


def interaction_rows(decoded: Iterable[Decoded]) -> pl.DataFrame:
    """Rows of the lake's interactions table."""
    return pl.DataFrame(
        [_row(one.record, one.event, one.user, one.item) for one in decoded],
        schema_overrides={c.VALUE: pl.Float64, c.REQUEST_ID: pl.String, c.EXTERNAL_USER: pl.String},
    )


def impression_rows(records: Iterable[LoggedRecord], now: float, items: ItemKeys) -> Rows:
    """Rows of the lake's impressions table, and dead letters for the records that are not impressions."""
    rows: list[dict[str, object]] = []
    dead: list[DeadLetter] = []
    for record in records:
        outcome = decode_impressions(record, now, items)
        if isinstance(outcome, DeadLetter):
            dead.append(outcome)
        else:
            user = user_key(outcome.event.user_id)
            rows += [_row(record, one, user, item) for one, item in zip(outcome.impressions, outcome.items, strict=True)]
    return Rows(pl.DataFrame(rows, schema_overrides={c.EXPLORED: pl.Boolean, c.LABEL: pl.String}), dead)


def list_rows(records: Iterable[LoggedRecord], now: float) -> Rows:
    """Rows of the lake's table of lists, and dead letters for the records that are none."""
    rows: list[dict[str, object]] = []
    dead: list[DeadLetter] = []
    for record in records:
        event = decode_list(record, now)
        if isinstance(event, DeadLetter):
            dead.append(event)
        else:
            fields = event.model_dump(mode="json", exclude={"schema_version", c.MADE_FROM})
            made_from = event.made_from.model_dump_json() if event.made_from else None
            rows.append({**fields, c.USER: user_key(event.user_id), c.OFFSET: record.offset, c.MADE_FROM: made_from})
    return Rows(pl.DataFrame(rows, schema_overrides={c.OVERLAP: pl.Float64, c.MADE_FROM: pl.String}), dead)


def _row(record: LoggedRecord, event: Interaction | Impression, user: int, item: int) -> dict[str, object]:
    """The event with keys in the place of ids; a user's original id is added where it is not the key itself."""
    row = {**event.model_dump(mode="json", exclude={"schema_version"}), c.USER: user, c.ITEM: item, c.OFFSET: record.offset}
    return row | {c.EXTERNAL_USER: original(event.user_id) or None} if isinstance(event, Interaction) else row
