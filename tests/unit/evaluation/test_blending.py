"""The weights of the blend are those of the data at hand: counts where they know more, towers where those do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from core.catalogue import Catalogue
from core.features import UserFeatures
from evaluation import blending
from evaluation.blending import TRANSITION_WEIGHTS, choose_blend, standardised
from evaluation.queries import LabelledQuery
from retrieval.config import TrainConfig
from retrieval.history import EncodedHistory
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

    def users(self, histories: Sequence[EncodedHistory]) -> NDArray[np.float32]:
        right = self.wanted is None or self.wanted == self.spectral_weight
        return np.tile(self.scores if right else -self.scores, (len(histories), 1))

    def weigh_spectral(self, weight: float) -> None:
        self.spectral_weight = weight


def chain() -> Transitions:
    """Each item is followed by the next one."""
    rows = [(user, row + 1, float(row)) for user in range(3) for row in range(N)]
    frame = pl.DataFrame(rows, schema={"user_id": pl.Int64, "item_id": pl.Int64, "ts": pl.Float64}, orient="row")
    return Transitions.fit(frame.with_columns(kind=pl.lit("view"), value=pl.lit(None, dtype=pl.Float64)), CATALOGUE)


def queries(step: int) -> list[LabelledQuery]:
    """Users who took up one item, and took up next the one `step` rows further."""
    kinds, zeros = np.array([1], dtype=np.int64), np.zeros(1)
    users = [UserFeatures(u, IDS[[u]], kinds, zeros.astype(np.float32), zeros, consumed=IDS[[u]]) for u in range(5, 15)]
    return [LabelledQuery(user.user_id, user, user.user_id + step, 9.0) for user in users]


def test_counts_lead_where_they_predict_and_towers_know_nothing() -> None:
    found = choose_blend(FixedTowers(np.arange(N, 0, -1).astype(np.float32)), chain(), queries(1), CATALOGUE)  # type: ignore[arg-type]
    assert found.transitions > 0
    assert found.tried[0.0, found.transitions] == pytest.approx(1.0)
    assert "transitions weigh" in str(found)


def test_counts_weigh_nothing_where_they_mislead() -> None:
    towers = FixedTowers(np.where(np.arange(N) >= 25, 5.0, 0.0).astype(np.float32))
    found = choose_blend(towers, chain(), queries(20), CATALOGUE)  # type: ignore[arg-type]
    assert found.transitions == 0.0


def test_the_spectral_channel_gets_the_weight_that_predicts_best_and_keeps_it() -> None:
    towers = FixedTowers(np.where(np.arange(N) >= 25, 5.0, 0.0).astype(np.float32), has_spectral=True, wanted=0.8)
    found = choose_blend(towers, chain(), queries(20), CATALOGUE)  # type: ignore[arg-type]
    assert (found.spectral, towers.spectral_weight) == (0.8, 0.8)


def test_without_informative_queries_everything_stays_as_configured() -> None:
    towers = FixedTowers(np.ones(N, np.float32), has_spectral=True, spectral_weight=0.3)
    found = choose_blend(towers, chain(), [LabelledQuery(1, None, 3, 9.0)], CATALOGUE)  # type: ignore[arg-type]
    assert (found.spectral, found.transitions, towers.spectral_weight) == (0.3, 0.0, 0.3)


def test_a_choice_is_made_by_queries_from_beginning_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blending, "MAX_QUERIES", 4)
    asked = blending._drawn(queries(1))
    assert [query.user_id for query in asked] == [5, 8, 11, 14]


def test_scores_come_in_units_of_their_spread() -> None:
    found = standardised(np.array([[1, 2, 3], [7, 7, 7]], np.float32) * 1000)
    np.testing.assert_allclose(found[0], [-1.2247449, 0, 1.2247449], rtol=1e-6)
    assert not found[1].any()
    assert TRANSITION_WEIGHTS[0] == 0.0, "the towers alone are among what is tried"
