"""The weights of the blend are those of the data at hand: counts where they know more, towers where those do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from core.catalogue import Catalogue, ItemStats
from core.features import UserFeatures
from evaluation import blending
from evaluation.blending import RELATIVE_WEIGHTS, Blend, BlendWeights, choose_blend, standardised
from evaluation.queries import LabelledQuery
from feature_repo.stats_over_time import StatsOverTime
from retrieval.config import TrainConfig
from retrieval.ease import EaseTable
from retrieval.history import EncodedHistory
from retrieval.popularity_prior import PopularityWeight
from retrieval.transitions import Transitions

N = 40
IDS = np.arange(1, N + 1)
CATALOGUE = Catalogue(IDS, ("x",) * N, ("a",), np.ones((N, 1), np.float32), np.zeros(N, np.float32))


@dataclass
class FixedTowers:
    """Towers whose scores [n] are the same for everybody; `wanted` is the spectral weight with which they are right."""

    scores: NDArray[np.float32]
    has_spectral: bool = False
    spectral_weight: float = 0.0
    wanted: float | None = None
    config: TrainConfig = field(default_factory=TrainConfig)

    @property
    def item_embeddings(self) -> NDArray[np.float32]:
        return np.eye(N, dtype=np.float32)

    def channels(self, histories: Sequence[EncodedHistory]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Trained scores that mislead the more the smaller `wanted` is, and spectral ones that are right."""
        trained = self.scores if self.wanted is None else -self.wanted * self.scores
        return tuple(np.tile(row, (len(histories), 1)) for row in (trained, self.scores * 1.01))  # type: ignore[return-value]

    def weigh_spectral(self, weight: float) -> None:
        self.spectral_weight = weight


def frame(rows: list[tuple[int, int, float]]) -> pl.DataFrame:
    found = pl.DataFrame(rows, schema={"user_id": pl.Int64, "item_id": pl.Int64, "ts": pl.Float64}, orient="row")
    return found.with_columns(kind=pl.lit("view"), value=pl.lit(None, dtype=pl.Float64))


def chain() -> Transitions:
    """Each item is followed by the next one."""
    return Transitions.fit(frame([(user, row + 1, float(row)) for user in range(3) for row in range(N)]), CATALOGUE)


def twins() -> dict[float, EaseTable]:
    """Who takes up one of two neighbours takes up the other one."""
    rows = [(user, 2 * (user % (N // 2)) + one, 0.0) for user in range(4 * N) for one in (1, 2)]
    return EaseTable.fit(frame(rows), CATALOGUE, [1.0, 50.0])


def queries(step: int) -> list[LabelledQuery]:
    """Users who took up one item, and took up next the one `step` rows further."""
    kinds, zeros = np.array([1], dtype=np.int64), np.zeros(1)
    users = [UserFeatures(u, IDS[[u - 1]], kinds, zeros.astype(np.float32), zeros, consumed=IDS[[u - 1]]) for u in range(5, 15)]
    return [LabelledQuery(user.user_id, user, user.user_id - 1 + step, 9.0) for user in users]


ALIKE = ItemStats(0.0, *(np.ones(N, np.float32) for _ in range(3)))


def chosen(
    towers: FixedTowers,
    found: Sequence[LabelledQuery],
    ease: dict[float, EaseTable] | None = None,
    stats: ItemStats = ALIKE,
) -> Blend:
    tables = ease or {1.0: EaseTable(csr_matrix((N, N)))}
    return choose_blend(towers, chain(), tables, StatsOverTime([stats]), found, CATALOGUE)  # type: ignore[arg-type]


def test_counts_lead_where_they_predict_and_towers_know_nothing() -> None:
    found = chosen(FixedTowers(np.arange(N, 0, -1).astype(np.float32)), queries(1))
    assert found.weights.transitions > 0
    assert found.weights.ease == 0
    assert found.tried[found.weights] == pytest.approx(1.0)
    assert "transitions weigh" in str(found)


def test_counts_weigh_nothing_where_they_mislead() -> None:
    towers = FixedTowers(np.where(np.arange(N) >= 24, 5.0, 0.0).astype(np.float32))
    assert chosen(towers, queries(20), twins()).weights.counted == 0.0


def test_ease_leads_where_items_go_together_and_its_ridge_is_chosen_with_it() -> None:
    """Half of the users took up the second of two neighbours first, which no transition predicts."""
    odd = [replace(query, target=query.target - 2) for query in queries(1) if query.user_id % 2 == 0]
    even = [query for query in queries(1) if query.user_id % 2]
    found = chosen(FixedTowers(np.arange(N, 0, -1).astype(np.float32)), odd + even, twins())
    assert found.weights.ease > 0
    assert found.tried[found.weights] == pytest.approx(1.0)
    assert {point.ridge for point in found.tried} == {1.0, 50.0}


def test_popularity_leads_where_everybody_takes_the_same_and_the_way_of_counting_is_chosen_with_it() -> None:
    """Items 20 to 34 are what everybody takes next. They are popular of late; ever, the others were."""
    towers = FixedTowers(np.random.default_rng(0).normal(size=N).astype(np.float32))
    late = np.where((np.arange(N) >= 24) & (np.arange(N) < 34), 100.0, 0.0).astype(np.float32)
    found = chosen(towers, queries(20), stats=ItemStats(0.0, 100 - late, late, late))
    assert (found.weights.popular, found.weights.popularity > 0) == ("recent", True)
    assert found.tried[found.weights] > 2 * found.tried[replace(found.weights, popularity=0.0)]
    found = chosen(towers, queries(20), stats=ItemStats(0.0, late, 100 - late, late))
    assert found.weights.popular == "ever"


def with_history(query: LabelledQuery, n: int) -> LabelledQuery:
    """After n events, all on the same item."""
    user = query.user
    assert user is not None
    again = [np.repeat(one, n) for one in (user.item_ids, user.kinds, user.values, user.times)]
    return replace(query, user=UserFeatures(user.user_id, *again, consumed=user.consumed))


def test_popularity_weighs_more_for_newcomers_alone_where_others_know_better(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has a long history takes what the towers say, who is new what is popular."""
    monkeypatch.setattr(blending, "MIN_SHORT", 5)
    right = np.zeros(N, np.float32)
    right[30:] = np.arange(10, 0, -1)
    late = np.zeros(N, np.float32)
    late[24:30] = np.arange(6, 0, -1) * 100.0
    old = [replace(with_history(query, 200), target=30) for query in queries(1)] * 4
    new = [replace(query, target=24) for query in queries(1)]
    found = chosen(FixedTowers(right), old + new, stats=ItemStats(0.0, late, late, late))
    assert found.weights.newcomers > 0
    assert found.weights.prior.after(0) > 1.5 * found.weights.prior.after(200)
    assert found.tried[found.weights] >= found.tried[replace(found.weights, newcomers=0.0)]
    monkeypatch.setattr(blending, "MIN_SHORT", 11)
    assert chosen(FixedTowers(right), old + new, stats=ItemStats(0.0, late, late, late)).weights.newcomers == 0


def test_newcomers_get_nothing_more_where_popularity_misleads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blending, "MIN_SHORT", 5)
    right = np.where(np.arange(N) >= 24, 5.0, 0.0).astype(np.float32)
    stats = ItemStats(0.0, *(100 - right for _ in range(3)))
    assert chosen(FixedTowers(right), queries(20), stats=stats).weights.newcomers == 0


def test_what_newcomers_get_fades_as_events_come() -> None:
    weight = PopularityWeight(0.5, 2.0)
    assert weight.after([0, 5, 15]).tolist() == [2.5, 1.5, 1.0]
    assert weight.after(10**9) == pytest.approx(0.5)
    assert PopularityWeight(0.5).after([0, 100]).tolist() == [0.5, 0.5]
    assert (bool(PopularityWeight()), bool(PopularityWeight(0, 0.1)), bool(weight)) == (False, True, True)


def test_the_spectral_channel_gets_the_weight_that_predicts_best_and_keeps_it() -> None:
    towers = FixedTowers(np.where(np.arange(N) >= 24, 5.0, 0.0).astype(np.float32), has_spectral=True, wanted=0.7)
    found = chosen(towers, queries(20))
    assert (found.weights.spectral, towers.spectral_weight) == (0.8, 0.8), "the smallest that outweighs what misleads"


def test_without_informative_queries_everything_stays_as_configured() -> None:
    towers = FixedTowers(np.ones(N, np.float32), has_spectral=True, spectral_weight=0.3)
    found = chosen(towers, [LabelledQuery(1, None, 3, 9.0)])
    assert (found.weights, towers.spectral_weight) == (BlendWeights(0.3, ridge=1.0), 0.3)


def test_a_choice_is_made_by_queries_from_beginning_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blending, "MAX_QUERIES", 4)
    asked = blending._drawn(queries(1))
    assert [query.user_id for query in asked] == [5, 8, 11, 14]


def test_scores_come_in_units_of_their_spread() -> None:
    found = standardised(np.array([[1, 2, 3], [7, 7, 7]], np.float32) * 1000)
    np.testing.assert_allclose(found[0], [-1.2247449, 0, 1.2247449], rtol=1e-6)
    assert not found[1].any()
    assert RELATIVE_WEIGHTS[0] == 0.0, "the towers alone are among what is tried"
