"""Handlers are pure: the same records always mean the same, in whatever batches they come."""

from __future__ import annotations

import json

import numpy as np
import pytest

from core.deadletter import DeadLetter, from_bytes, to_record
from core.errors import InvalidInput
from core.events import Impression, Interaction
from core.features import UserFeatures
from core.lake import IMPRESSIONS, INTERACTIONS, SCHEMAS
from core.ports import LoggedRecord
from streaming.handlers import Decoded, decode, impression_rows, interaction_rows, updated_users

GENRES = {1: ("Drama",), 2: ("Crime", "Drama")}


def logged(offset: int, value: bytes | dict[str, object], partition: int = 0) -> LoggedRecord:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return LoggedRecord("marquee.interactions", partition, offset, "7", f"id-{offset}", raw)


def rating(offset: int, item: int, user: int = 7, stars: float = 4.0) -> LoggedRecord:
    event = {"event_id": f"id-{offset}", "user_id": user, "item_id": item, "kind": "rating", "value": stars, "ts": 100.0 + offset}
    return logged(offset, event)


def decoded(record: LoggedRecord) -> Decoded:
    outcome = decode(record, GENRES, now=0.0)
    assert isinstance(outcome, Decoded)
    return outcome


@pytest.mark.parametrize(
    ("value", "reason", "detail"),
    [
        (b"\xff\xfe not JSON", "malformed", "event: Invalid JSON"),
        (b"[]", "malformed", "event: "),
        ({"user_id": 7, "item_id": 1, "kind": "rating", "value": 7.0}, "malformed", "value is 7.0; allowed: 0.5 to 5.0 stars"),
        ({"user_id": 7, "item_id": 99, "kind": "view"}, "unknown_item", "item 99 is not in the catalogue"),
    ],
)
def test_a_record_that_cannot_be_used_keeps_its_bytes_and_says_why(
    value: bytes | dict[str, object], reason: str, detail: str
) -> None:
    record = logged(5, value)
    letter = decode(record, GENRES, now=12.0)
    assert isinstance(letter, DeadLetter)
    assert (letter.reason, letter.value, letter.offset, letter.ts) == (reason, record.value, 5, 12.0)
    assert detail in letter.detail
    assert from_bytes(to_record(letter, "7").value) == letter


def test_a_dead_letter_that_is_not_one_is_said() -> None:
    with pytest.raises(InvalidInput, match="dead letter"):
        from_bytes(b"{}")


def test_several_events_of_one_user_make_one_update() -> None:
    [user] = updated_users([decoded(rating(1, 1)), decoded(rating(2, 2, stars=2.0))], {}, GENRES)
    assert user.item_ids.tolist() == [1, 2]
    assert user.consumed.tolist() == [1, 2]
    assert user.genres == ("Crime", "Drama")
    assert (user.n_events, user.rating_sum, user.applied_offset) == (2, 6.0, 2)


def test_batches_do_not_matter_and_neither_does_a_redelivery() -> None:
    records = [decoded(rating(offset, 1 + offset % 2, user=offset % 3 + 1)) for offset in range(1, 20)]
    at_once = {user.user_id: user for user in updated_users(records, {}, GENRES)}
    known: dict[int, UserFeatures | None] = {}
    for start in (0, 4, 4, 9, 2):  # overlapping slices: what was delivered before comes again
        known |= {user.user_id: user for user in updated_users(records[start : start + 10], known, GENRES)}
    assert set(known) == set(at_once)
    for user_id, user in at_once.items():
        other = known[user_id]
        assert other is not None
        assert np.array_equal(other.item_ids, user.item_ids)
        assert np.array_equal(other.genre_weights, user.genre_weights)
        assert (other.n_events, other.applied_offset) == (user.n_events, user.applied_offset)


def test_an_update_that_changes_nothing_is_not_written() -> None:
    records = [decoded(rating(1, 1))]
    known = {7: updated_users(records, {}, GENRES)[0]}
    assert updated_users(records, known, GENRES) == []


def test_rows_for_the_lake_fit_its_tables() -> None:
    view = logged(3, {"event_id": "v", "user_id": 7, "item_id": 1, "kind": "view", "ts": 5.0, "request_id": "r"})
    rows = interaction_rows([decoded(rating(2, 1)), decoded(view)])
    assert set(rows.columns) == set(SCHEMAS[INTERACTIONS]) - {"day"}
    assert rows.select("event_id", "kind", "value", "request_id", "log_offset").rows() == [
        ("id-2", "rating", 4.0, None, 2),
        ("v", "view", None, "r", 3),
    ]
    impression = Impression(
        request_id="r",
        user_id=7,
        item_id=1,
        position=0,
        propensity=0.5,
        score=1.0,
        policy="p",
        arm="a",
        model_version="m",
        ts=1.0,
    )
    shown = impression_rows([LoggedRecord("marquee.impressions", 0, 9, "7", "r:0", impression.model_dump_json().encode())])
    assert set(shown.columns) == set(SCHEMAS[IMPRESSIONS]) - {"day"}
    assert interaction_rows([]).is_empty()
    assert Interaction.model_validate_json(view.value).request_id == "r"
