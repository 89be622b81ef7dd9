"""The event contract: golden JSON round-trips, and every rule says field, value and range."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from core.events import ClockRule, Impression, Interaction, ListMade, ShownPage, check_clock
from core.kinds import CONSUMING, KIND_CODE, KINDS, Kind

GOLDEN = Path(__file__).with_name("golden")
VALID = {"event_id": "e", "user_id": 1, "item_id": 2, "kind": "rating", "value": 3.0, "ts": 1.0}


@pytest.mark.parametrize("case", json.loads((GOLDEN / "interactions.json").read_text()), ids=lambda case: case["why"])
def test_golden_interactions_round_trip(case: dict[str, dict[str, object]]) -> None:
    assert json.loads(Interaction.model_validate(case["event"]).model_dump_json()) == case["event"]


def test_golden_impression_round_trips_and_is_identified_by_its_place() -> None:
    text = (GOLDEN / "impression_v3.json").read_text()
    impression = Impression.model_validate_json(text)
    assert json.loads(impression.model_dump_json()) == json.loads(text)
    assert impression.event_id == "r-9:0"


def test_a_golden_page_round_trips_and_is_one_impression_for_each_position() -> None:
    text = (GOLDEN / "shown_page.json").read_text()
    page = ShownPage.model_validate_json(text)
    assert json.loads(page.model_dump_json()) == json.loads(text)
    assert page.event_id == "r-9:20"
    first, second = page.impressions()
    golden = Impression.model_validate_json((GOLDEN / "impression_v3.json").read_text())
    assert first == golden.model_copy(update={"position": 20})
    assert (second.item_id, second.position, second.propensity, second.explored, second.label) == (
        "tt-0001",
        21,
        0.00125,
        True,
        None,
    )
    for one in page.impressions():
        assert Impression.model_validate(one.model_dump()) == one, "what is made without validation is valid"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scores": [1.0]}, "scores has 1 values"),
        ({"labels": []}, "labels has 0 values"),
        ({"propensities": [0.5, 0.0]}, "propensities"),
        ({"item_ids": [], "propensities": [], "scores": [], "explored": [], "labels": None}, "item_ids"),
        ({"offset": 100}, "offset"),
        ({"schema_version": 3}, "schema_version"),
    ],
)
def test_a_page_that_cannot_be(change: dict[str, object], said: str) -> None:
    page = json.loads((GOLDEN / "shown_page.json").read_text())
    with pytest.raises(ValidationError, match=said):
        ShownPage.model_validate({**page, **change})


def test_a_golden_list_round_trips_and_its_shadow_is_another_event() -> None:
    text = (GOLDEN / "list.json").read_text()
    made = ListMade.model_validate_json(text)
    assert json.loads(made.model_dump_json()) == json.loads(text)
    assert (made.event_id, made.model_copy(update={"shadow": True}).event_id) == ("r-9:list", "r-9:shadow")
    with pytest.raises(ValidationError, match="overlap"):
        ListMade.model_validate({**json.loads(text), "overlap": 1.5})


def test_an_impression_of_version_1_stays_readable_and_does_not_say_whether_it_explored() -> None:
    impression = Impression.model_validate_json((GOLDEN / "impression_v1.json").read_text())
    assert (impression.schema_version, impression.explored, impression.policy) == (1, None, "epsilon")


def test_an_impression_of_version_2_stays_readable_and_nobody_placed_it() -> None:
    impression = Impression.model_validate_json((GOLDEN / "impression_v2.json").read_text())
    assert (impression.schema_version, impression.explored, impression.label) == (2, False, None)


def test_since_version_2_an_impression_has_explored() -> None:
    known = json.loads((GOLDEN / "impression_v3.json").read_text())
    with pytest.raises(ValidationError, match="explored"):
        Impression.model_validate({**known, "explored": None})
    del known["explored"], known["schema_version"]
    with pytest.raises(ValidationError, match="explored"):
        Impression.model_validate(known)
    with pytest.raises(ValidationError, match="schema_version"):
        Impression.model_validate({**known, "schema_version": 4, "explored": True})


@pytest.mark.parametrize(
    "change",
    [
        {"value": 7.0},
        {"value": None},
        {"value": float("nan")},
        {"kind": "click"},
        {"kind": "applause"},
        {"user_id": 0},
        {"user_id": 2**53},
        {"user_id": ""},
        {"user_id": True},
        {"item_id": 1.5},
        {"event_id": ""},
        {"event_id": "x" * 65},
        {"event_id": "drop table;"},
        {"ts": float("inf")},
        {"ts": -1.0},
        {"schema_version": 2},
        {"unheard_of": 1},
    ],
    ids=str,
)
def test_an_interaction_outside_the_contract_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Interaction.model_validate({**VALID, **change})


def test_a_value_out_of_range_names_value_range_and_kind() -> None:
    with pytest.raises(ValidationError, match=r"value is 7\.0; allowed: 0\.5 to 5\.0 stars for kind 'rating'"):
        Interaction.model_validate({**VALID, "value": 7.0})


def test_left_out_id_and_time_are_filled_in() -> None:
    first, second = (Interaction.model_validate({"user_id": 1, "item_id": 2, "kind": "view"}) for _ in range(2))
    assert first.event_id != second.event_id
    assert first.ts > 1.7e9


def test_an_event_may_be_ahead_of_our_clock_only_a_little() -> None:
    event = Interaction.model_validate({**VALID, "ts": 1e9})
    assert check_clock(event, now=1e9 - 299) is None
    assert "allowed: 631152000 to 999999999 (now plus 300 s" in str(check_clock(event, now=1e9 - 301))
    assert check_clock(event, now=1e9 - 301, rule=ClockRule(skew=302)) is None


def test_an_event_of_a_clock_that_was_never_set_is_not_believed() -> None:
    event = Interaction.model_validate({**VALID, "ts": 86_400.0})
    assert "ts is 86400.0" in str(check_clock(event, now=1e9))
    assert check_clock(event, now=1e9, rule=ClockRule(earliest=0)) is None


def test_the_codes_of_kinds_are_append_only() -> None:
    assert list(KIND_CODE)[:10] == [
        "view", "click", "watch", "rating", "purchase", "watchlist_add", "watchlist_remove", "search", "review", "skip"
    ]  # fmt: skip
    assert [KIND_CODE[kind] for kind in KINDS] == list(range(len(KINDS)))
    assert Kind.CLICK not in CONSUMING
