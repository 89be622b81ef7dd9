"""Handlers are pure: the same records always mean the same, in whatever batches they come."""

from __future__ import annotations

import json

import numpy as np

from core.events import Impression, Interaction, ShownPage
from core.features import UserFeatures
from core.ids import user_key
from core.ports import LoggedRecord
from lake.tables import IMPRESSIONS, INTERACTIONS, SCHEMAS
from streaming.decoding import Contract, Decoded, IntegerKeys, decode
from streaming.handlers import impression_rows, interaction_rows, known_interaction_rows, updated_users

NOW = 1e9
ITEMS = IntegerKeys(frozenset({1, 2}))
GENRES = {1: ("Drama",), 2: ("Crime", "Drama")}


def logged(offset: int, value: bytes | dict[str, object], partition: int = 0) -> LoggedRecord:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return LoggedRecord("marquee.interactions", partition, offset, "7", f"id-{offset}", raw, NOW)


def rating(offset: int, item: int, user: int = 7, stars: float = 4.0) -> LoggedRecord:
    event = {"event_id": f"id-{offset}", "user_id": user, "item_id": item, "kind": "rating", "value": stars, "ts": NOW + offset}
    return logged(offset, event)


def decoded(record: LoggedRecord) -> Decoded:
    outcome = decode(record, Contract(ITEMS), now=0.0)
    assert isinstance(outcome, Decoded)
    return outcome


def test_several_events_of_one_user_make_one_update() -> None:
    [user] = updated_users([decoded(rating(1, 1)), decoded(rating(2, 2, stars=2.0))], {}, GENRES).users
    assert user.item_ids.tolist() == [1, 2]
    assert user.consumed.tolist() == [1, 2]
    assert user.genres == ("Crime", "Drama")
    assert (user.n_events, user.rating_sum, user.applied_offset) == (2, 6.0, 2)


def test_batches_do_not_matter_and_neither_does_a_redelivery() -> None:
    records = [decoded(rating(offset, 1 + offset % 2, user=offset % 3 + 1)) for offset in range(1, 20)]
    at_once = {user.user_id: user for user in updated_users(records, {}, GENRES).users}
    known: dict[int, UserFeatures | None] = {}
    for start in (0, 4, 4, 9, 2):  # overlapping slices: what was delivered before comes again
        known |= {user.user_id: user for user in updated_users(records[start : start + 10], known, GENRES).users}
    assert set(known) == set(at_once)
    for user_id, user in at_once.items():
        other = known[user_id]
        assert other is not None
        assert np.array_equal(other.item_ids, user.item_ids)
        assert np.array_equal(other.genre_weights, user.genre_weights)
        assert (other.n_events, other.applied_offset) == (user.n_events, user.applied_offset)


def test_an_update_that_changes_nothing_is_not_written() -> None:
    records = [decoded(rating(1, 1))]
    known = {7: updated_users(records, {}, GENRES).users[0]}
    assert updated_users(records, known, GENRES) == ([], [])


def test_rows_for_the_lake_fit_its_tables() -> None:
    view = logged(3, {"event_id": "v", "user_id": 7, "item_id": 1, "kind": "view", "ts": NOW, "request_id": "r"})
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
        explored=False,
    )
    page = ShownPage(
        request_id="r2",
        user_id=7,
        policy="p",
        arm="a",
        model_version="m",
        ts=2.0,
        offset=20,
        item_ids=[2, 1],
        propensities=[0.25, 1.0],
        scores=[1.0, 0.5],
        explored=[True, False],
        labels=[None, "promoted"],
    )
    records = [logged(9, impression.model_dump_json().encode()), logged(10, b"[]"), logged(11, page.model_dump_json().encode())]
    shown, [letter] = impression_rows(records, NOW, ITEMS)
    assert (letter.reason, letter.offset) == ("schema", 10)
    assert shown.select("request_id", "item_id", "position", "propensity", "explored", "label", "log_offset").rows() == [
        ("r", 1, 0, 0.5, False, None, 9),
        ("r2", 2, 20, 0.25, True, None, 11),
        ("r2", 1, 21, 1.0, False, "promoted", 11),
    ]
    assert set(shown.columns) == set(SCHEMAS[IMPRESSIONS]) - {"day"}
    assert interaction_rows([]).is_empty()
    assert known_interaction_rows([view, logged(4, b"{")], NOW, Contract(ITEMS)).table["event_id"].to_list() == ["v"]
    assert Interaction.model_validate_json(view.value).request_id == "r"


def test_events_of_a_user_whose_key_is_another_users_are_refused() -> None:
    theirs = decoded(rating(1, 1, user=9))
    owner = UserFeatures(9, external_id="somebody else")
    updated = updated_users([theirs, decoded(rating(2, 2))], {9: owner}, GENRES)
    assert updated.refused == [theirs]
    assert [user.user_id for user in updated.users] == [7]


def test_string_ids_become_keys_and_the_users_id_is_kept() -> None:
    record = logged(1, {"event_id": "e", "user_id": "ann@x.org", "item_id": 1, "kind": "view", "ts": NOW})
    one = decoded(record)
    assert one.user == user_key("ann@x.org") >= 2**62
    [row] = interaction_rows([one]).select("user_id", "external_user", "item_id").rows()
    assert row == (one.user, "ann@x.org", 1)
    [user] = updated_users([one], {}, GENRES).users
    assert (user.user_id, user.external_id) == (one.user, "ann@x.org")
