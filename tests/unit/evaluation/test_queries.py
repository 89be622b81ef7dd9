"""Successive prediction: a query knows what came before it and nothing else."""

import numpy as np
import polars as pl
import pytest

from core.catalogue import Catalogue
from core.features import UserFeatures
from core.kinds import Kind
from core.ordering import tie_hash
from evaluation.queries import LabelledQuery, labelled_queries, ties_for

N = 8
CATALOGUE = Catalogue.from_frame(
    pl.DataFrame({"item_id": [10 * i for i in range(1, N + 1)], "title": ["t"] * N, "genres": [["x"]] * N, "year": [2000] * N})
)
SCHEMA = {"user_id": pl.Int64, "item_id": pl.Int64, "kind": pl.String, "value": pl.Float64, "ts": pl.Float64}


def events(*rows: tuple[int, int, float]) -> pl.DataFrame:
    """Ratings of 4 stars from (user, item, time)."""
    return pl.DataFrame([(u, i, "rating", 4.0, t) for u, i, t in rows], schema=SCHEMA, orient="row")


def random_events(users: int = 15, seed: int = 0) -> pl.DataFrame:
    """Every user rates every film once, at random times with ties."""
    times = np.random.default_rng(seed).integers(0, 60, (users, N)).tolist()
    return events(*((u + 1, 10 * (i + 1), float(times[u][i])) for u in range(users) for i in range(N)))


def described(query: LabelledQuery) -> tuple[object, ...]:
    user = query.user
    known = None if user is None else (user.item_ids.tolist(), user.values.tolist(), user.n_events, user.consumed.tolist())
    return query.user_id, query.target, query.ts, known


HISTORY = events((1, 10, 1), (2, 50, 2), (1, 20, 3), (1, 30, 5), (2, 60, 5), (3, 70, 6), (1, 40, 9))


def test_each_event_of_the_period_is_asked_in_time_order_with_what_came_before() -> None:
    found = {(query.ts, query.user_id): query for query in labelled_queries(HISTORY, CATALOGUE, start=3, end=9)}
    assert list(found) == sorted(found, key=lambda key: key[0])
    known = {key: None if q.user is None else q.user.item_ids.tolist() for key, q in found.items()}
    assert known == {(3, 1): [10], (5, 1): [10, 20], (5, 2): [50], (6, 3): None}
    assert found[5, 1].target == 2


def test_a_planted_future_event_changes_nothing_before_it() -> None:
    base = random_events()
    planted = pl.concat([base, events(*((user, 10, 40.5) for user in range(1, 16)))])
    before = [described(q) for q in labelled_queries(base, CATALOGUE, 0, 40)]
    assert [described(q) for q in labelled_queries(planted, CATALOGUE, 0, 40)] == before
    assert [described(q) for q in labelled_queries(planted, CATALOGUE, 0, 60)][: len(before)] == before
    assert len(before) == base.filter(pl.col("ts") < 40).height


def test_file_order_does_not_matter_and_ties_come_in_hash_order() -> None:
    base = random_events()
    straight = [described(q) for q in labelled_queries(base, CATALOGUE, 10, 60)]
    shuffled = base.sample(fraction=1.0, shuffle=True, seed=4)
    assert [described(q) for q in labelled_queries(shuffled, CATALOGUE, 10, 60)] == straight

    binge = events(*((1, 10 * i, 7) for i in range(1, N + 1)))
    hashes = tie_hash(np.full(N, 1), CATALOGUE.ids)
    targets = [query.target for query in labelled_queries(binge, CATALOGUE, 7, 8)]
    assert targets == np.argsort(hashes).tolist() != list(range(N))


@pytest.mark.parametrize("max_queries", [0, 1, 7, 119])
def test_a_sample_asks_fewer_of_the_same_queries(max_queries: int) -> None:
    every = [described(q) for q in labelled_queries(random_events(), CATALOGUE, 0, 60)]
    drawn = [described(q) for q in labelled_queries(random_events(), CATALOGUE, 0, 60, max_queries=max_queries)]
    assert len(drawn) == max_queries
    places = [every.index(query) for query in drawn]
    assert places == sorted(places), "in time order, and each with the whole history"


def test_a_sample_larger_than_the_period_is_the_period_and_the_seed_decides_a_smaller_one() -> None:
    def asked(max_queries: int | None, seed: int = 0) -> list[tuple[object, ...]]:
        return [described(q) for q in labelled_queries(random_events(), CATALOGUE, 20, 60, max_queries, seed)]

    assert asked(500) == asked(None)
    assert asked(20) == asked(20)
    assert asked(20) != asked(20, seed=1)


def kinds(*rows: tuple[int, str, float]) -> pl.DataFrame:
    """Events of user 1 from (item, kind, time), with stars or minutes where the kind has them."""
    values = {"rating": 4.0, "watch": 90.0}
    return pl.DataFrame([(1, item, kind, values.get(kind), ts) for item, kind, ts in rows], schema=SCHEMA, orient="row")


@pytest.mark.parametrize(
    ("happened", "asked_at"),
    [
        ([(10, "watch", 1), (10, "rating", 2)], [1]),  # one film, taken up once
        ([(10, "click", 1), (10, "watch", 2), (20, "view", 3)], [1, 3]),
        ([(10, "skip", 1), (20, "rating", 2)], [2]),  # a refusal is nothing to recommend
        ([(10, "skip", 1), (10, "rating", 2)], []),  # skipped: not recommended again
        ([(10, "search", 1), (10, "watchlist_remove", 2), (10, "rating", 3)], [3]),
        ([(10, "rating", 1), (10, "skip", 2), (20, "skip", 3)], [1]),
    ],
)
def test_only_the_first_taking_up_of_a_film_is_asked(happened: list[tuple[int, str, float]], asked_at: list[float]) -> None:
    assert [query.ts for query in labelled_queries(kinds(*happened), CATALOGUE, 0, 9)] == asked_at


def test_items_consumed_before_the_period_are_history_and_not_targets() -> None:
    found = list(labelled_queries(kinds((10, "watch", 1), (10, "rating", 5), (20, "rating", 6)), CATALOGUE, 4, 9))
    assert [query.target for query in found] == [1]
    assert found[0].user is not None
    assert found[0].user.item_ids.tolist() == [10, 10]


def test_no_target_was_consumed_before_whatever_happened() -> None:
    """So full rankings and finished lists of the same scores always agree on it."""
    rng = np.random.default_rng(0)
    names = np.array([kind.value for kind in Kind])
    mixed = kinds(
        *(
            (int(i) * 10, str(kind), float(t))
            for t, (i, kind) in enumerate(zip(rng.integers(1, N + 1, 40), rng.choice(names, 40), strict=True))
        )
    )
    found = list(labelled_queries(mixed, CATALOGUE, 0, 40))
    assert found
    assert all(query.target not in query.excluded(CATALOGUE) for query in found)


def test_an_item_outside_the_catalogue_is_history_but_no_target() -> None:
    found = list(labelled_queries(events((1, 999, 1), (1, 10, 2)), CATALOGUE, 0, 3))
    assert [query.target for query in found] == [0]
    assert found[0].user is not None
    assert found[0].user.item_ids.tolist() == [999]


def test_an_empty_period() -> None:
    assert list(labelled_queries(HISTORY, CATALOGUE, 100, 200)) == []
    assert list(labelled_queries(HISTORY, CATALOGUE, 5, 5)) == []
    assert list(labelled_queries(HISTORY.head(0), CATALOGUE, 0, 9)) == []


def test_excluded_are_the_consumed_rows_that_exist() -> None:
    user = UserFeatures(1, consumed=np.array([5, 20, 40]))
    assert LabelledQuery(1, user, 0, 1.0).excluded(CATALOGUE).tolist() == [1, 3]
    assert LabelledQuery(1, None, 0, 1.0).excluded(CATALOGUE).tolist() == []


def test_ties_differ_from_user_to_user() -> None:
    assert ties_for(1, CATALOGUE).tolist() == tie_hash(np.full(N, 1), CATALOGUE.ids).tolist()
    assert np.argsort(ties_for(1, CATALOGUE)).tolist() != np.argsort(ties_for(2, CATALOGUE)).tolist()


def test_a_profile_is_known_before_the_first_event() -> None:
    rows = events((1, 10, 1), (2, 10, 2), (1, 20, 3))
    first, stranger, second = labelled_queries(rows, CATALOGUE, 0, 9, profiles={1: ["age:25"]})
    assert first.user is not None
    assert (first.user.profile, len(first.user.item_ids)) == (("age:25",), 0)
    assert stranger.user is None
    assert second.user is not None
    assert (second.user.profile, second.user.item_ids.tolist()) == (("age:25",), [10])
