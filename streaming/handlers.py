"""Pure handlers: what a record of the log means. No I/O here, so that replaying a record always means the same."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl
from pydantic import ValidationError

from core import columns as c
from core.deadletter import DeadLetter
from core.events import Impression, Interaction
from core.features import UserFeatures
from core.ports import LoggedRecord
from feature_repo.transforms import UserEvent, UserState


@dataclass(frozen=True, slots=True)
class Decoded:
    """A record and the interaction in it."""

    record: LoggedRecord
    event: Interaction


def decode(record: LoggedRecord, known_items: Container[int], now: float) -> Decoded | DeadLetter:
    """The interaction in a record, or the dead letter that says why there is none."""
    try:
        event = Interaction.model_validate_json(record.value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "event"
        return _dead(record, "malformed", f"{where}: {first['msg']}", now)
    if event.item_id not in known_items:
        return _dead(record, "unknown_item", f"item {event.item_id} is not in the catalogue", now)
    return Decoded(record, event)


def updated_users(
    decoded: Iterable[Decoded], known: Mapping[int, UserFeatures | None], genres: Mapping[int, Sequence[str]]
) -> list[UserFeatures]:
    """New features of every user whose features change; an event that is in already changes nothing."""
    states: dict[int, UserState] = {}
    changed: set[int] = set()
    for one in decoded:
        event, user = one.event, one.event.user_id
        state = states.get(user)
        if state is None:
            state = states[user] = UserState(known.get(user) or UserFeatures(user))
        happened = UserEvent(user, event.item_id, event.kind.value, event.value, event.ts)
        if state.deliver(happened, genres.get(event.item_id, ()), one.record.offset):
            changed.add(user)
    return [states[user].features() for user in states if user in changed]


def known_interaction_rows(records: Iterable[LoggedRecord], known_items: Container[int]) -> pl.DataFrame:
    """Rows of the lake's interactions table for the records that can be used; the feature loop sets the others aside."""
    return interaction_rows([one for one in (decode(record, known_items, 0.0) for record in records) if isinstance(one, Decoded)])


def interaction_rows(decoded: Iterable[Decoded]) -> pl.DataFrame:
    """Rows of the lake's interactions table."""
    return pl.DataFrame(
        [{**one.event.model_dump(mode="json", exclude={"schema_version"}), c.OFFSET: one.record.offset} for one in decoded],
        schema_overrides={c.VALUE: pl.Float64, c.REQUEST_ID: pl.String},
    )


def impression_rows(records: Iterable[LoggedRecord]) -> pl.DataFrame:
    """Rows of the lake's impressions table. Impressions are written by Marquee itself: a bad one is a bug and raises."""
    return pl.DataFrame(
        [
            {
                **Impression.model_validate_json(record.value).model_dump(mode="json", exclude={"schema_version"}),
                c.OFFSET: record.offset,
            }
            for record in records
        ]
    )


def _dead(record: LoggedRecord, reason: str, detail: str, now: float) -> DeadLetter:
    return DeadLetter(record.topic, reason, detail, record.value, now, record.partition, record.offset)
