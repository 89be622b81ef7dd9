"""Recommendation acceptance on tables that can be counted by hand."""

import polars as pl
import pytest

from core.kinds import ACCEPTING, Kind
from evaluation.acceptance import Acceptance, acceptance

# list a shows 1, 2, 3 to user 7; list b shows 1, 4 to user 7; list c shows 1 to user 8; list d shows 5 to user 8
SHOWN = [("a", 7, 1), ("a", 7, 2), ("a", 7, 3), ("b", 7, 1), ("b", 7, 4), ("c", 8, 1), ("d", 8, 5)]


DAY = 86_400.0
SHOWN_AT = 1.7e9 - 1.7e9 % DAY  # midnight


def lists(shown: list[tuple[str, int, int]] = SHOWN, ts: float = SHOWN_AT) -> pl.DataFrame:
    schema = {"request_id": pl.String, "user_id": pl.Int64, "item_id": pl.Int64}
    return pl.DataFrame(shown, schema=schema, orient="row").with_columns(pl.lit(ts).alias("ts"))


def answered(answers: list[tuple[str | None, int, int, str]], ts: float = SHOWN_AT + 60) -> pl.DataFrame:
    schema = {"request_id": pl.String, "user_id": pl.Int64, "item_id": pl.Int64, "kind": pl.String}
    return pl.DataFrame(answers, schema=schema, orient="row").with_columns(pl.lit(ts).alias("ts"))


def rate(answers: list[tuple[str | None, int, int, str]]) -> float:
    found = acceptance(lists(), answered(answers))
    assert found is not None
    return found.per_list


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([], 0.0),
        ([("a", 7, 2, "click")], 0.25),
        ([("a", 7, 2, "click"), ("a", 7, 2, "watch"), ("a", 7, 3, "rating")], 0.25),  # one list, however often answered
        ([("a", 7, 2, "click"), ("b", 7, 4, "purchase")], 0.5),
        ([("a", 7, 1, "click"), ("b", 7, 1, "click"), ("c", 8, 1, "click"), ("d", 8, 5, "click")], 1.0),
        ([("a", 7, 4, "click")], 0.0),  # shown, but on another list
        ([("a", 8, 1, "click")], 0.0),  # somebody else
        ([(None, 7, 1, "watch")], 0.0),  # found elsewhere
        ([("z", 7, 1, "watch")], 0.0),  # answers a list of another time
    ],
)
def test_which_lists_are_answered(answers: list[tuple[str | None, int, int, str]], expected: float) -> None:
    assert rate(answers) == expected


@pytest.mark.parametrize("kind", [kind.value for kind in Kind])
def test_which_kinds_accept(kind: str) -> None:
    accepts = kind not in ("view", "search", "skip", "watchlist_remove")
    assert (Kind(kind) in ACCEPTING) is accepts
    assert rate([("a", 7, 1, kind)]) == (0.25 if accepts else 0.0)


def test_without_a_list_there_is_no_rate() -> None:
    assert acceptance(lists([]), answered([("a", 7, 1, "click")])) is None


def test_a_users_day_counts_once_however_many_lists_it_had() -> None:
    next_day = lists([("e", 7, 1)], SHOWN_AT + DAY)
    answers = answered([("a", 7, 2, "click"), ("b", 7, 4, "click")])
    assert acceptance(pl.concat([lists(), next_day]), answers) == Acceptance(2 / 5, 1 / 3, lists=5, user_days=3)


@pytest.mark.parametrize(("after", "accepted"), [(3600.0, 0.25), (3601.0, 0.0)])
def test_an_answer_counts_within_the_attribution_window(after: float, accepted: float) -> None:
    found = acceptance(lists(), answered([("a", 7, 1, "click")], SHOWN_AT + after), attribution=3600.0)
    assert found is not None
    assert found.per_list == accepted


def test_what_a_slot_placed_is_not_accepted_for_the_list() -> None:
    shown = lists().with_columns(pl.Series("label", ["promoted", None, None, None, None, None, None]))
    for item, expected in ((1, 0.0), (2, 0.25)):
        found = acceptance(shown, answered([("a", 7, item, "click")]))
        assert found is not None
        assert found.per_list == expected
