"""Reasons are true, few, and say each thing once."""

import numpy as np
import polars as pl
import pytest

from core.catalogue import Catalogue, ItemStats
from core.features import UserFeatures
from core.kinds import KIND_CODE, Kind
from ranking.reasons import Explainer

N = 100  # so that two films are popular
GENRES = [["Drama"], ["Drama", "Crime"], ["Comedy"], ["War"]] * (N // 4)
CATALOGUE = Catalogue.from_frame(
    pl.DataFrame(
        {"item_id": range(1, N + 1), "title": [f"Film {i}" for i in range(1, N + 1)], "genres": GENRES, "year": [2000] * N}
    )
)
STATS = ItemStats(0.0, np.ones(N, np.float32), np.arange(N, 0, -1, dtype=np.float32), np.ones(N, np.float32))
VECTORS = np.eye(N, dtype=np.float32)
VECTORS[10] = VECTORS[0] + 0.5 * VECTORS[10]  # film 11 is much like film 1
VECTORS[50] = 0  # nothing is known about film 51
REASONS = Explainer(CATALOGUE, STATS, VECTORS)


def user_of(*events: tuple[int, Kind, float], genres: dict[str, float] | None = None) -> UserFeatures:
    weights = genres or {}
    return UserFeatures(
        1,
        item_ids=np.array([item for item, _, _ in events], dtype=np.int64),
        kinds=np.array([KIND_CODE[kind] for _, kind, _ in events], dtype=np.int64),
        values=np.array([value for _, _, value in events], dtype=np.float32),
        times=np.arange(len(events), dtype=np.float64),
        genres=tuple(weights),
        genre_weights=np.array(list(weights.values()), dtype=np.float32),
        n_events=len(events),
    )


def codes(user: UserFeatures | None, row: int, explored: bool = False) -> list[str]:
    return [reason.code for reason in REASONS.explain(user, np.array([row]), np.array([explored]))[0]]


FAN = user_of((1, Kind.RATING, 5.0), genres={"Comedy": 1.0, "Crime": 2.0, "Drama": 3.0})


def test_a_similar_film_names_the_one_that_was_enjoyed() -> None:
    reasons = REASONS.explain(FAN, np.array([10]), np.array([False]))[0]
    assert reasons[0].code == "similar"
    assert reasons[0].text == "Because you enjoyed Film 1"


def test_shared_genres_come_strongest_first() -> None:
    reasons = REASONS.explain(FAN, np.array([5]), np.array([False]))[0]
    assert [reason.text for reason in reasons] == ["Matches your taste for Drama and Crime"]


@pytest.mark.parametrize("row", range(0, N, 7))
@pytest.mark.parametrize("explored", [False, True])
@pytest.mark.parametrize("user", [None, FAN, user_of()], ids=["stranger", "fan", "no history"])
def test_at_most_two_reasons_and_each_code_once(user: UserFeatures | None, explored: bool, row: int) -> None:
    found = codes(user, row, explored)
    assert len(found) == len(set(found)) <= 2
    assert set(found) <= {"similar", "genre", "popular", "explored"}


def test_the_whole_list_is_explained_row_by_row() -> None:
    rows, explored = np.array([10, 5, 3]), np.array([False, False, True])
    found = REASONS.explain(FAN, rows, explored)
    assert found == [REASONS.explain(FAN, rows[at : at + 1], explored[at : at + 1])[0] for at in range(3)]
    assert [[reason.code for reason in reasons] for reasons in found] == [
        ["similar", "genre"],
        ["genre"],
        ["explored"],
    ]


def test_a_stranger_learns_what_is_popular_and_nothing_else() -> None:
    assert codes(None, 0) == ["popular"]
    assert codes(None, 1) == ["popular"]
    assert codes(None, 2) == []


def test_exploration_is_owned_up_to_only_where_there_is_a_taste_to_leave() -> None:
    assert codes(FAN, 3, explored=True) == ["explored"]
    assert codes(FAN, 0, explored=True)[0] == "explored"
    assert codes(None, 0, explored=True) == ["popular"]
    assert codes(user_of(), 3, explored=True) == []


@pytest.mark.parametrize(
    ("kind", "value", "enjoyed"),
    [
        (Kind.RATING, 3.5, True),
        (Kind.RATING, 3.0, False),
        (Kind.REVIEW, 4.0, True),
        (Kind.PURCHASE, 0.0, True),
        (Kind.WATCHLIST_ADD, 0.0, True),
        (Kind.REVIEW, 0.0, False),  # a text without stars
        (Kind.WATCH, 90.0, True),
        (Kind.WATCH, 5.0, False),  # minutes, not stars
        (Kind.VIEW, 0.0, False),
        (Kind.CLICK, 0.0, False),
        (Kind.SEARCH, 0.0, False),
        (Kind.SKIP, 0.0, False),
        (Kind.WATCHLIST_REMOVE, 0.0, False),
    ],
)
def test_only_what_was_enjoyed_is_called_enjoyed(kind: Kind, value: float, enjoyed: bool) -> None:
    assert ("similar" in codes(user_of((1, kind, value)), 10)) is enjoyed


def test_a_film_is_no_reason_for_itself() -> None:
    planned = user_of((1, Kind.WATCHLIST_ADD, 0.0))
    assert "similar" not in codes(planned, 0)
    assert "similar" in codes(planned, 10)


def test_films_without_a_direction_and_items_that_left_do_no_harm() -> None:
    user = user_of((51, Kind.RATING, 5.0), (999, Kind.RATING, 5.0))
    assert codes(user, 10) == []
    assert codes(user, 50) == []
