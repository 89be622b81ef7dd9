"""The user features: hand-computed examples, and properties over random histories."""

from __future__ import annotations

import random

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.catalogue import Catalogue
from core.features import HISTORY_LENGTH, UserFeatures
from core.kinds import CONSUMING, KIND_CODE, Kind
from core.ordering import chronological, tie_hash
from feature_repo.signals import DEFAULT_SIGNALS, Signals, SignalWeights
from feature_repo.transforms import GENRE_TOLERANCE, UserEvent, apply, fold_history, item_genres

DAY = 86_400.0
USER = 7
CATALOGUE = Catalogue.from_frame(
    pl.DataFrame(
        {
            "item_id": [1, 2, 3, 4, 5],
            "title": list("abcde"),
            "genres": [["Drama"], ["Comedy", "Drama"], ["War"], [], ["Comedy", "Drama", "Noir"]],
            "year": [2000, 2001, 2002, 2003, 2004],
        }
    )
)
GENRES = item_genres(CATALOGUE)


def event(item: int, ts: float, kind: Kind = Kind.CLICK, value: float | None = None) -> UserEvent:
    return UserEvent(USER, item, kind, value, ts)


def fold(events: list[UserEvent], signals: Signals = DEFAULT_SIGNALS) -> UserFeatures:
    features = UserFeatures(USER)
    for offset, one in enumerate(events):
        features = apply(features, one, GENRES.get(one.item_id, ()), offset, signals)
    return features


def table(events: list[UserEvent]) -> pl.DataFrame:
    schema = {"user_id": pl.Int64, "item_id": pl.Int64, "kind": pl.String, "value": pl.Float64, "ts": pl.Float64}
    frame = pl.DataFrame([(*e[:2], str(e.kind), *e[3:]) for e in events], schema=schema, orient="row")
    return frame.with_columns(log_offset=pl.int_range(len(events), dtype=pl.Int64))


def assert_same(left: UserFeatures, right: UserFeatures, tolerance: float = 0.0) -> None:
    for name in ("user_id", "genres", "n_events", "rating_count", "last_seen", "applied_offset"):
        assert getattr(left, name) == getattr(right, name), name
    for name in ("item_ids", "kinds", "values", "times", "consumed"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), err_msg=name, strict=True)
    np.testing.assert_allclose(left.genre_weights, right.genre_weights, rtol=tolerance, atol=tolerance / 100, strict=True)
    assert left.rating_sum == pytest.approx(right.rating_sum, rel=tolerance or 1e-15)


@st.composite
def events(draw: st.DrawFn) -> UserEvent:
    kind = draw(st.sampled_from(Kind))
    allowed = kind.spec.value
    value = draw(st.floats(allowed.low, allowed.high)) if allowed else None
    item = draw(st.integers(1, 6))  # 6 is not in the catalogue
    return event(item, draw(st.integers(0, 40)) * 10 * DAY, kind, value)


histories = st.lists(events(), min_size=1, max_size=40)


def chronologically(history: list[UserEvent]) -> list[UserEvent]:
    users, items = np.full(len(history), USER), np.array([e.item_id for e in history])
    order = chronological(np.array([e.ts for e in history]), users, items)
    return [history[i] for i in order]


@given(histories)
def test_batch_and_stream_are_equal_to_the_last_bit(history: list[UserEvent]) -> None:
    in_order = chronologically(history)
    [batch] = fold_history(table(in_order), CATALOGUE)
    assert_same(batch, fold(in_order))


@given(histories, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(history: list[UserEvent], shuffle: random.Random) -> None:
    shuffled = history.copy()
    shuffle.shuffle(shuffled)
    assert_same(fold(shuffled), fold(history), GENRE_TOLERANCE)


@given(histories, st.data())
def test_redelivery_changes_nothing(history: list[UserEvent], data: st.DataObject) -> None:
    features = fold(history)
    again = data.draw(st.integers(0, len(history) - 1))
    assert apply(features, history[again], ("Drama",), offset=again) is features


@given(histories)
def test_the_input_is_left_alone(history: list[UserEvent]) -> None:
    before, untouched = fold(history), fold(history)
    apply(before, event(2, 1e9, Kind.RATING, 5.0), ("Comedy", "Drama"), offset=len(history))
    assert_same(before, untouched)


def test_a_history_longer_than_the_cap_keeps_the_newest_whatever_the_order() -> None:
    history = [event(1 + i % 5, float(i), Kind.RATING, 0.5 + i % 10 / 2) for i in range(HISTORY_LENGTH + 50)]
    shuffled = history.copy()
    random.Random(1).shuffle(shuffled)
    features = fold(shuffled)
    assert features.times.tolist() == [float(i) for i in range(50, HISTORY_LENGTH + 50)]
    assert features.n_events == len(history)
    assert_same(features, fold(history), GENRE_TOLERANCE)


def test_a_late_event_lands_in_its_place() -> None:
    features = fold([event(1, 10.0), event(3, 30.0), event(2, 20.0, Kind.WATCH, 95.0)])
    assert features.item_ids.tolist() == [1, 2, 3]
    assert features.kinds.tolist() == [KIND_CODE[Kind.CLICK], KIND_CODE[Kind.WATCH], KIND_CODE[Kind.CLICK]]
    assert features.values.tolist() == [0.0, 95.0, 0.0]
    assert features.last_seen == 30.0


def test_ties_follow_the_hash_not_the_item_id() -> None:
    items = np.arange(1, 6)
    expected = items[np.argsort(tie_hash(np.array([USER]), items))].tolist()
    assert expected != items.tolist()
    assert fold([event(int(i), 5.0) for i in items]).item_ids.tolist() == expected
    assert fold([event(int(i), 5.0) for i in reversed(items)]).item_ids.tolist() == expected


@pytest.mark.parametrize("kind", Kind)
def test_only_consuming_kinds_consume(kind: Kind) -> None:
    value = 4.0 if kind.spec.value else None
    assert fold([event(2, 1.0, kind, value)]).consumed.tolist() == ([2] if kind in CONSUMING else [])


def test_consumed_is_sorted_unique_and_outlives_the_history() -> None:
    many = [event(1000 - i, float(i), Kind.WATCH, 1.0) for i in range(HISTORY_LENGTH * 2)]
    features = fold([*many, *many])
    assert features.consumed.tolist() == sorted({e.item_id for e in many})


def test_affinity_is_shared_by_genres_and_halves_every_half_life() -> None:
    config = Signals(SignalWeights({"rating": 1.0, "click": 0.1}, half_life_days=10.0))
    features = fold([event(2, 0.0, Kind.RATING, 4.0), event(3, 10 * DAY), event(3, 20 * DAY)], config)
    assert features.genres == ("Comedy", "Drama", "War")
    np.testing.assert_allclose(features.genre_weights, [0.5 / 4, 0.5 / 4, 0.1 / 2 + 0.1], rtol=1e-6)


def test_removing_from_the_watchlist_adds_no_affinity() -> None:
    features = fold([event(1, 1.0, Kind.WATCHLIST_REMOVE)])
    assert features.genres == ()
    assert features.item_ids.tolist() == [1]


def test_stars_are_counted_from_ratings_and_reviews_but_minutes_are_not() -> None:
    stars = [event(1, 1.0, Kind.RATING, 4.5), event(2, 2.0, Kind.REVIEW, 3.0), event(2, 3.0, Kind.REVIEW)]
    features = fold([*stars, event(3, 4.0, Kind.WATCH, 90.0)])
    assert (features.rating_count, features.rating_sum, features.n_events) == (2, 7.5, 4)


def test_imported_history_always_applies() -> None:
    features = fold([event(1, 1.0)])
    assert features.applied_offset == 0
    assert apply(features, event(2, 2.0), (), offset=-1).n_events == 2


def test_late_rows_of_the_lake_count_and_the_stream_goes_on_after_them() -> None:
    rows = table([event(1, 30.0), event(2, 10.0), event(3, 20.0)])  # offsets 0, 1, 2: arrived out of order
    [features] = fold_history(rows, CATALOGUE)
    assert features.item_ids.tolist() == [2, 3, 1]
    assert features.applied_offset == 2


def test_fold_history_groups_by_user_and_takes_an_empty_table() -> None:
    rows = table([event(1, 3.0), event(2, 1.0), event(3, 2.0)]).with_columns(user_id=pl.Series([9, 8, 9]))
    assert [(f.user_id, f.item_ids.tolist()) for f in fold_history(rows, CATALOGUE)] == [(8, [2]), (9, [3, 1])]
    assert list(fold_history(rows.clear(), CATALOGUE)) == []


def test_users_have_their_profile_with_or_without_events() -> None:
    rows = table([event(1, 1.0)])
    folded = {user.user_id: user for user in fold_history(rows, CATALOGUE, profiles={USER: ["age:25"], USER + 1: ["age:1"]})}
    assert [(user, one.profile, one.n_events) for user, one in folded.items()] == [
        (USER, ("age:25",), 1),
        (USER + 1, ("age:1",), 0),
    ]


def test_no_event_changes_the_profile() -> None:
    described = UserFeatures(USER, profile=("age:25", "gender:F"))
    assert apply(described, event(1, 1.0), ("Drama",)).profile == ("age:25", "gender:F")


def test_a_rare_film_on_the_watchlist_adds_more_affinity() -> None:
    signals = Signals(SignalWeights({"watchlist_add": 1.0}, rarity_bonus=1.0), {1: 1.0, 3: 0.25})
    features = fold([event(1, 1.0, Kind.WATCHLIST_ADD), event(3, 1.0, Kind.WATCHLIST_ADD)], signals)
    assert dict(zip(features.genres, features.genre_weights.tolist(), strict=True)) == {"Drama": 1.0, "War": 1.75}
