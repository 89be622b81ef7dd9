"""The weights of signals: what the issue asks for, by hand, and that the column says what the function says."""

from __future__ import annotations

import itertools
from pathlib import Path

import polars as pl
import pytest

from core.errors import InvalidInput
from core.kinds import Kind
from core.settings import CONFIGS
from feature_repo.signals import DEFAULT_WEIGHTS, NAMES, Signals, SignalWeights, popularity

FILE = CONFIGS / "signals" / "default.toml"


def test_every_kind_has_a_weight() -> None:
    assert DEFAULT_WEIGHTS.by_kind == {kind.value: kind.spec.weight for kind in Kind}


def test_an_unknown_kind_has_no_weight() -> None:
    with pytest.raises(InvalidInput, match="rewatch is 1"):
        SignalWeights({"rewatch": 1})


def test_ratings_reviews_and_watchlist_adds_weigh_one_searches_a_fifth_and_browsing_less() -> None:
    weights = {kind: DEFAULT_WEIGHTS.of(kind) for kind in Kind}
    assert weights[Kind.RATING] == weights[Kind.REVIEW] == weights[Kind.WATCHLIST_ADD] == 1.0
    assert weights[Kind.SEARCH] == 0.2
    positive = sorted((weight, kind) for kind, weight in weights.items() if weight)
    assert [kind for _, kind in positive[:2]] == [Kind.VIEW, Kind.CLICK]
    assert positive[1][0] < 0.2


@pytest.mark.parametrize(
    ("bonus", "share", "expected"), [(1.0, 0.25, 1.75), (0.5, 0.0, 1.5), (1.0, 1.0, 1.0), (0.0, 0.0, 1.0), (3.0, 0.5, 2.5)]
)
def test_a_watchlist_add_weighs_more_the_less_popular_the_film(bonus: float, share: float, expected: float) -> None:
    signals = Signals(SignalWeights(rarity_bonus=bonus), {7: share})
    assert signals.of(Kind.WATCHLIST_ADD, 7) == expected
    assert signals.of(Kind.RATING, 7) == 1.0


def test_a_film_that_nobody_counted_earns_no_bonus() -> None:
    assert Signals(popularity={7: 0.0}).of(Kind.WATCHLIST_ADD, 8) == 1.0


def test_popularity_is_the_logarithm_of_the_count() -> None:
    counted = popularity(pl.DataFrame({"item_id": [1, 2, 2, 2]}))
    assert counted == pytest.approx({1: 0.5, 2: 1.0})  # log 2 / log 4
    assert popularity(pl.DataFrame({"item_id": []}, schema={"item_id": pl.Int64})) == {}


@pytest.mark.parametrize("table", [{}, {1: 0.0, 2: 1 / 3, 3: 1.0}])
def test_the_column_is_the_function_row_by_row(table: dict[int, float]) -> None:
    signals = Signals(SignalWeights({"watchlist_add": 0.7}, rarity_bonus=0.3), table)
    rows = list(itertools.product([kind.value for kind in Kind], [1, 2, 3, 4]))
    events = pl.DataFrame(rows, schema={"kind": pl.String, "item_id": pl.Int64}, orient="row")
    assert events.select(signals.expression()).to_series().to_list() == [signals.of(*row) for row in rows]


def test_the_shipped_file_matches_the_code() -> None:
    assert SignalWeights.load(FILE) == DEFAULT_WEIGHTS
    assert {line.split(" ")[0] for line in FILE.read_text().splitlines() if " = " in line} == NAMES


@pytest.mark.parametrize("days", [0.0, -1.0, float("nan"), float("inf"), "180"])
def test_a_half_life_must_be_positive(days: float) -> None:
    with pytest.raises(InvalidInput, match="half_life_days"):
        SignalWeights(half_life_days=days)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("rating = -1", "rating is -1; allowed: a number of at least 0"),
        ("rating = 'much'", "rating is 'much'"),
        ("ratings = 1", "ratings in weights.toml is 1; allowed: one of click, half_life_days"),
        ("rating =", "readable TOML"),
    ],
)
def test_a_bad_file_is_refused_by_name(text: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.toml"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=complaint):
        SignalWeights.load(path)


def test_a_file_may_leave_out_what_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "weights.toml"
    path.write_text("search = 0.4\n")
    assert SignalWeights.load(path) == SignalWeights({"search": 0.4})
    with pytest.raises(InvalidInput, match=r"signal weights is .*absent.toml"):
        SignalWeights.load(tmp_path / "absent.toml")
