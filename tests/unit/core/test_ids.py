"""Ids at the edge, keys inside: what is an id, and that keys of different kinds never meet."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from core.events import Interaction
from core.ids import (
    FIRST_ITEM_KEY,
    FIRST_USER_KEY,
    MAX_INTEGER,
    MAX_LENGTH,
    ExternalId,
    assign_keys,
    original,
    parse_id,
    shown,
    user_key,
)

TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=MAX_LENGTH).filter(
    lambda text: text.strip() and not {".", ".."} & set(re.split(r"[/\\]", text))
)


@pytest.mark.parametrize(
    ("raw", "id_"),
    [
        (42, 42),
        (42.0, 42),
        ("42", 42),
        (MAX_INTEGER, MAX_INTEGER),
        (str(MAX_INTEGER), MAX_INTEGER),
        (str(MAX_INTEGER + 1), str(MAX_INTEGER + 1)),
        ("042", "042"),
        ("0", "0"),
        ("-1", "-1"),
        ("4.0", "4.0"),
        ("SKU/é 1", "SKU/é 1"),
        ("a..b/.c/d.", "a..b/.c/d."),
        ("...", "..."),
        ("٣", "٣"),  # a digit, but not one of ours
        ("x" * MAX_LENGTH, "x" * MAX_LENGTH),
    ],
)
def test_valid_ids_are_parsed(raw: object, id_: ExternalId) -> None:
    assert parse_id(raw) == id_
    assert type(parse_id(raw)) is type(id_)


@pytest.mark.parametrize(
    "raw",
    [
        0,
        -1,
        MAX_INTEGER + 1,
        1.5,
        float("nan"),
        float("inf"),
        True,
        None,
        "",
        "  ",
        "x" * (MAX_LENGTH + 1),
        "a\nb",
        "\0",
        "\ud800",
        [1],
        ".",
        "..",
        "../etc",
        "a/../b",
        "a/.",
        "..\\x",
    ],
)
def test_invalid_ids_are_refused(raw: object) -> None:
    with pytest.raises(ValueError, match="allowed: an integer from 1 to"):
        parse_id(raw)


@given(st.integers(1, MAX_INTEGER) | TEXT)
def test_an_id_comes_back_as_it_was_sent(raw: ExternalId) -> None:
    id_ = parse_id(raw)
    assert str(id_) == str(raw)
    assert parse_id(id_) == id_
    assert shown(user_key(id_), original(id_)) == id_


@given(st.lists(st.integers(1, MAX_INTEGER) | TEXT, max_size=20))
def test_keys_of_different_kinds_never_meet(raw: list[ExternalId]) -> None:
    ids = [parse_id(one) for one in raw]
    items = assign_keys(ids, {})
    for id_ in ids:
        assert (user_key(id_) == id_) if isinstance(id_, int) else FIRST_USER_KEY <= user_key(id_) < 2**63
        assert (user_key(id_) < FIRST_ITEM_KEY) is isinstance(id_, int)
    assert all(FIRST_ITEM_KEY <= key < FIRST_USER_KEY for key in items.values())
    assert len(set(items.values())) == len(items) == len({id_ for id_ in ids if isinstance(id_, str)})


def test_the_keys_of_users_never_change() -> None:
    """They are in every record, log and lake that exists."""
    assert user_key("alice") == 0x568474C129EDE0AF
    assert user_key(7) == 7


def test_an_item_keeps_its_key_and_no_key_is_given_twice() -> None:
    first = assign_keys(["a", 5, "b"], {})
    assert first == {"a": FIRST_ITEM_KEY, "b": FIRST_ITEM_KEY + 1}
    assert assign_keys(["c", "b"], first) == first | {"c": FIRST_ITEM_KEY + 2}


@pytest.mark.parametrize(("user", "item"), [(7, 318), ("ann@x.org", "SKU-0042"), ("007", 318)])
def test_an_event_holds_ids_as_they_were_sent(user: ExternalId, item: ExternalId) -> None:
    sent: dict[str, Any] = {"event_id": "e", "user_id": user, "item_id": item, "kind": "view", "ts": 1e9}
    event = Interaction.model_validate_json(json.dumps(sent), strict=True)
    kept = json.loads(event.model_dump_json())
    assert (kept["user_id"], kept["item_id"]) == (user, item)


def test_an_event_with_an_invalid_id_is_refused_with_what_is_allowed() -> None:
    with pytest.raises(ValidationError, match="a string of 1 to 128 characters"):
        Interaction.model_validate_json(json.dumps({"user_id": 1.5, "item_id": 1, "kind": "view"}), strict=True)
