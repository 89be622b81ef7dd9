"""Who is asked what, on tables small enough to check by eye; and no model sees what comes later."""

import numpy as np
import polars as pl
import pytest

from core.catalogue import Catalogue
from core.errors import DatasetError, InvalidInput
from evaluation.protocols import folds_of, leave_one_out, rolling, strong

N = 8


def catalogue() -> Catalogue:
    films = {"item_id": range(1, N + 1), "title": ["x"] * N, "genres": [["a"]] * N, "year": [2000] * N}
    return Catalogue.from_frame(pl.DataFrame(films))


def events(*rows: tuple[int, int, float]) -> pl.DataFrame:
    """Rows of (user, item, ts)."""
    schema = {"user_id": pl.Int64, "item_id": pl.Int64, "ts": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(kind=pl.lit("rating"), value=pl.lit(4.0))


def random_events(users: int = 40, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return events(*((u, int(i), float(rng.integers(1000))) for u in range(1, users + 1) for i in rng.permutation(N)[:5] + 1))


TABLE = events((1, 3, 30), (1, 1, 10), (1, 2, 20), (2, 4, 15), (3, 5, 5), (3, 6, 25))


def test_leave_one_out_asks_for_each_users_last_event() -> None:
    fold = leave_one_out(TABLE, catalogue())
    assert [(query.user_id, query.target) for query in fold.queries] == [(1, 2), (3, 5)]
    first = fold.queries[0].user
    assert first is not None
    assert first.item_ids.tolist() == [1, 2]
    assert first.values.tolist() == [4, 4]
    assert fold.queries[0].excluded(catalogue()).tolist() == [0, 1]
    assert sorted(fold.train.select("user_id", "item_id").iter_rows()) == [(1, 1), (1, 2), (2, 4), (3, 5)]


def test_an_item_that_was_seen_before_or_is_unknown_is_not_asked_for() -> None:
    table = pl.concat([TABLE, events((1, 1, 40), (3, 999, 50))])
    with pytest.raises(DatasetError, match="no user has an event to predict"):
        folds_of("loo", table, catalogue())


def test_rolling_cuts_never_train_on_their_queries() -> None:
    table = random_events()
    for last_only in (True, False):
        asked = []
        for fold in rolling(table, catalogue(), 5, last_only):
            assert fold.queries
            assert fold.train["ts"].max() < min(query.ts for query in fold.queries)
            for query in fold.queries:
                assert query.user is None or query.user.times.max() <= query.ts
            asked += [(fold.name, query.user_id, query.target) for query in fold.queries]
        users = [(name, user) for name, user, _ in asked]
        assert (len(set(users)) == len(users)) is last_only
        assert len({(user, target) for _, user, target in asked}) == len(asked)


def test_last_is_the_last_of_successive() -> None:
    table = random_events()
    for last, successive in zip(*(rolling(table, catalogue(), 3, last_only) for last_only in (True, False)), strict=True):
        expected = {query.user_id: query.target for query in successive.queries}
        assert {query.user_id: query.target for query in last.queries} == expected


def test_strangers_are_not_trained_on() -> None:
    fold = strong(random_events(users=300), catalogue())
    asked = {query.user_id for query in fold.queries}
    assert not asked & set(fold.train["user_id"].to_list())
    assert 15 <= len(asked) <= 50
    assert len(asked) + fold.train["user_id"].n_unique() == 300


def test_a_changed_future_changes_nothing_before_it() -> None:
    """The newest event becomes another one: all but its own fold stay the same to the last bit."""
    table = random_events().sort("ts", "user_id", "item_id")
    newest = table["ts"].max()
    changed = table.with_columns(
        item_id=pl.when(pl.col("ts") == newest).then(N + 1 - pl.col("item_id")).otherwise("item_id"),
        value=pl.when(pl.col("ts") == newest).then(0.5).otherwise("value"),
    )
    assert not changed.equals(table)
    honest, leaky = (list(rolling(frame, catalogue(), 4, False)) for frame in (table, changed))
    for one, other in zip(honest[:-1], leaky[:-1], strict=True):
        assert one.train.sort("ts", "user_id", "item_id").equals(other.train.sort("ts", "user_id", "item_id"))
        for query, twin in zip(one.queries, other.queries, strict=True):
            assert (query.user_id, query.target, query.ts) == (twin.user_id, twin.target, twin.ts)
            for name in ("item_ids", "values", "times", "consumed"):
                np.testing.assert_array_equal(getattr(query.user, name, None), getattr(twin.user, name, None))
    assert honest[-1].train.sort("ts", "user_id", "item_id").equals(leaky[-1].train.sort("ts", "user_id", "item_id"))


def test_data_without_times_refuses_protocols_that_need_them() -> None:
    with pytest.raises(InvalidInput, match="loo or strong"):
        folds_of("last", random_events(), catalogue(), has_time=False)
    assert folds_of("loo", random_events(), catalogue(), has_time=False)


@pytest.mark.parametrize("table", [events((1, 1, 1.0)), events((1, 1, 1.0), (2, 1, 2.0))], ids=["one event", "one item"])
def test_too_little_data_is_reported(table: pl.DataFrame) -> None:
    with pytest.raises(DatasetError, match="at least two"):
        folds_of("loo", table, catalogue())


def test_a_user_with_ten_thousand_events_is_handled() -> None:
    many = events(*((1, 1 + k % (N - 1), float(k)) for k in range(10_000)), (1, N, 1e6), (2, 1, 1.0), (2, 2, 2.0))
    fold = leave_one_out(many, catalogue())
    assert [(query.user_id, query.target) for query in fold.queries] == [(1, N - 1), (2, 1)]


def test_a_skip_at_the_end_is_not_asked_for() -> None:
    last = (pl.col("user_id") == 1) & (pl.col("ts") == 30)
    skipped = TABLE.with_columns(pl.when(last).then(pl.lit("skip")).otherwise("kind").alias("kind"))
    assert [query.user_id for query in leave_one_out(TABLE, catalogue()).queries] == [1, 3]
    assert [query.user_id for query in leave_one_out(skipped, catalogue()).queries] == [3]
