"""The vectorised ranks against a slow reference that follows the definition, ties and all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.catalogue import Catalogue
from core.errors import InvalidInput
from core.features import UserFeatures
from evaluation.metrics import rank_of
from evaluation.queries import LabelledQuery, ties_for
from evaluation.ranking import SHOWN, rank_all


class Table:
    """A recommender that was told its scores."""

    name = "table"

    def __init__(self, scores: np.ndarray) -> None:
        self.all = scores
        self.at = 0

    def fit(self, train: object, catalogue: object) -> None: ...

    def scores(self, queries: object) -> np.ndarray:
        part = self.all[self.at : self.at + len(queries)]  # type: ignore[arg-type]
        self.at += len(part)
        return part


def films(n: int) -> Catalogue:
    return Catalogue(np.arange(1, n + 1) * 7, ("x",) * n, ("a",), np.ones((n, 1), np.float32), np.zeros(n, np.float32))


def query(user: int, target: int, consumed: list[int], catalogue: Catalogue) -> LabelledQuery:
    known = UserFeatures(user, consumed=np.sort(catalogue.ids[consumed]))
    return LabelledQuery(user, known if consumed else None, target, 0.0)


@given(st.data(), st.integers(1, 30), st.integers(1, 6))
def test_ranks_and_lists_are_those_of_the_slow_reference(data: st.DataObject, n: int, m: int) -> None:
    catalogue = films(n)
    few = st.integers(-2, 2)  # few values, so that ties are everywhere
    scores = np.array(data.draw(st.lists(st.lists(few, min_size=n, max_size=n), min_size=m, max_size=m)), dtype=np.float32)
    queries = []
    for user in range(1, m + 1):
        target = data.draw(st.integers(0, n - 1))
        consumed = data.draw(st.lists(st.integers(0, n - 1).filter(lambda r, t=target: r != t), unique=True, max_size=n))
        queries.append(query(user, target, consumed, catalogue))
    found = rank_all(Table(scores), queries, catalogue)
    for row, one in enumerate(queries):
        excluded, ties = one.excluded(catalogue), ties_for(one.user_id, catalogue)
        assert found.ranks[row] == rank_of(scores[row], one.target, excluded, ties)
        allowed = [r for r in range(n) if r not in excluded]
        slow = sorted(allowed, key=lambda r, row=row, ties=ties: (-scores[row, r], ties[r]))[:SHOWN]
        assert found.shown[row].tolist() == slow + [-1] * (SHOWN - len(slow))
        if found.ranks[row] < SHOWN:
            assert found.shown[row, found.ranks[row]] == one.target


def test_all_equal_scores_rank_by_the_hash_alone() -> None:
    catalogue = films(1000)
    queries = [query(user, 0, [], catalogue) for user in range(1, 301)]
    ranks = rank_all(Table(np.zeros((300, 1000), np.float32)), queries, catalogue).ranks
    assert 440 < ranks.mean() < 560, "a constant score is a random order, not a hit"


def test_nan_names_the_model_and_the_user() -> None:
    scores = np.zeros((3, 5), np.float32)
    scores[1, 4] = np.nan
    queries = [query(user, 0, [], films(5)) for user in (11, 22, 33)]
    with pytest.raises(InvalidInput, match="score of table for user 22"):
        rank_all(Table(scores), queries, films(5))
