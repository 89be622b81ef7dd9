"""The one engine against a slow reference that follows the definition, ties and all, on every path into it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.catalogue import Catalogue
from core.errors import InvalidInput
from core.features import UserFeatures
from evaluation.metrics import Facts, measure
from evaluation.queries import LabelledQuery, ties_for
from evaluation.ranking import NOT_FOUND, FixedScores, K, Ranked, rank_all, rank_lists, ranks_of


class Table:
    """A scorer that was told its scores, in the order of the queries."""

    name = "table"

    def __init__(self, scores: np.ndarray) -> None:
        self.all = scores
        self.at = 0

    def scores(self, queries: object) -> np.ndarray:
        part = self.all[self.at : self.at + len(queries)]  # type: ignore[arg-type]
        self.at += len(part)
        return part


def films(n: int, step: int = 7) -> Catalogue:
    return Catalogue(np.arange(1, n + 1) * step, ("x",) * n, ("a",), np.ones((n, 1), np.float32), np.zeros(n, np.float32))


def query(user: int, target: int, consumed: list[int], catalogue: Catalogue) -> LabelledQuery:
    """`consumed` are catalogue rows."""
    known = UserFeatures(user, consumed=np.sort(catalogue.ids[consumed]))
    return LabelledQuery(user, known if consumed else None, target, 0.0)


def slow_order(scores: np.ndarray, ties: np.ndarray, allowed: list[int]) -> list[int]:
    return sorted(allowed, key=lambda row: (-scores[row], ties[row]))


@given(st.data(), st.integers(1, 30), st.integers(1, 6), st.integers(1, 12))
def test_ranks_and_lists_are_those_of_the_slow_reference(data: st.DataObject, n: int, m: int, k: int) -> None:
    catalogue = films(n)
    few = st.integers(-2, 2)  # few values, so that ties are everywhere
    scores = np.array(data.draw(st.lists(st.lists(few, min_size=n, max_size=n), min_size=m, max_size=m)), dtype=np.float32)
    queries = []
    for user in range(1, m + 1):
        consumed = data.draw(st.lists(st.integers(0, n - 1), unique=True, max_size=n))
        queries.append(query(user, data.draw(st.integers(0, n - 1)), consumed, catalogue))
    found = rank_all(Table(scores), queries, catalogue, k)
    for row, one in enumerate(queries):
        ties, excluded = ties_for(one.user_id, catalogue), one.excluded(catalogue).tolist()
        allowed = [r for r in range(n) if r not in excluded]
        with_target = slow_order(scores[row], ties, sorted({*allowed, one.target}))
        assert found.ranks[row] == with_target.index(one.target), "a target that was consumed is let back in alone"
        slow = slow_order(scores[row], ties, allowed)[:k]
        assert found.shown[row].tolist() == slow + [-1] * (k - len(slow))


#   row         0    1    2    3    4
SCORES = np.array([[0.5, 0.9, 0.5, 0.1, 0.5]], dtype=np.float32)
TIES = np.array([[30, 10, 20, 50, 40]], dtype=np.uint64)


@pytest.mark.parametrize(
    ("target", "excluded", "rank"),
    [
        (1, [], 0),
        (2, [], 1),  # of the three with 0.5 the lowest tie value comes first
        (0, [], 2),
        (4, [], 3),
        (3, [], 4),
        (4, [1], 2),  # what is excluded is not ahead of anything
        (4, [0, 1, 2], 0),
        (3, [0, 1, 2, 4], 0),
        (0, [0], 2),  # a target that is excluded itself is let back in
        (0, [0, 2], 1),
    ],
)
def test_a_rank_by_hand(target: int, excluded: list[int], rank: int) -> None:
    assert ranks_of(SCORES, np.array([target]), [np.array(excluded, dtype=np.intp)], TIES).tolist() == [rank]


# The twenty items of ids 1 to 20 as the hash of (user, item) orders them, by row: fixed for ever, or old figures change.
HASH_ORDER = {
    1: [16, 13, 19, 8, 6, 5, 4, 9, 7, 1, 17, 15, 11, 12, 3, 2, 14, 18, 0, 10],
    2: [15, 13, 9, 2, 17, 0, 19, 4, 12, 3, 1, 7, 14, 6, 11, 16, 5, 10, 8, 18],
}


def constant_scores_on_every_path(catalogue: Catalogue, queries: list[LabelledQuery]) -> dict[str, Ranked]:
    """A constant score as a scorer, as a table, and as finished lists in the order of the hash without what was consumed."""
    n = len(catalogue)
    consumed = {one.user_id: one.excluded(catalogue).tolist() for one in queries}
    lists = [np.array([row for row in HASH_ORDER[one.user_id] if row not in consumed[one.user_id]]) for one in queries]
    return {
        "scorer": rank_all(FixedScores("constant", np.zeros(n, np.float32)), queries, catalogue),
        "table": rank_all(Table(np.full((len(queries), n), 3.5, np.float32)), queries, catalogue),
        "lists": rank_lists(lists, queries),
    }


@pytest.mark.parametrize("path", ["scorer", "table", "lists"])
def test_a_constant_score_has_the_ranks_and_the_coverage_of_the_hash_on_every_path(path: str) -> None:
    """User 1 has consumed the first row of the hash's order, user 2 nothing; their lists share 5 rows and show 15 of 20."""
    catalogue = films(20, step=1)
    first = HASH_ORDER[1][0]
    queries = [query(1, row, [first], catalogue) for row in HASH_ORDER[1][1:]]
    queries += [query(2, row, [], catalogue) for row in HASH_ORDER[2]]
    found = constant_scores_on_every_path(catalogue, queries)[path]
    assert found.ranks.tolist() == [*range(19), *range(20)]
    assert found.shown[0].tolist() == HASH_ORDER[1][1:11]
    assert found.shown[-1].tolist() == HASH_ORDER[2][:10]
    facts = Facts.of(queries, np.ones(20), catalogue)
    assert measure(["coverage@10"], [(found, facts)]) == {"coverage@10": 0.75}


def test_a_constant_score_is_a_random_order_and_no_hit_also_across_batches() -> None:
    catalogue = films(1000)
    queries = [query(user, 0, [], catalogue) for user in range(1, 301)]
    found = rank_all(FixedScores("constant", np.zeros(1000, np.float32)), queries, catalogue)
    assert 440 < found.ranks.mean() < 560
    assert len(np.unique(found.shown)) > 900, "the lists go by the hash as well: 300 lists of ten show nearly every film"


def test_a_user_who_consumed_nearly_everything_is_shown_the_rest() -> None:
    catalogue = films(30)
    falling = FixedScores("falling", np.arange(30, 0, -1, dtype=np.float32))
    found = rank_all(falling, [query(1, 29, list(range(27)), catalogue)], catalogue)
    assert found.shown[0].tolist() == [27, 28, 29] + [-1] * 7
    assert found.ranks.tolist() == [2]


def test_finished_lists() -> None:
    lists = [np.array([3, 1, 2]), np.arange(20), np.empty(0, dtype=np.intp)]
    queries = [query(user, target, [], films(30)) for user, target in ((1, 2), (2, 15), (3, 0))]
    found = rank_lists(iter(lists), queries)
    assert found.ranks.tolist() == [2, 15, NOT_FOUND]
    assert found.shown.tolist() == [[3, 1, 2] + [-1] * 7, list(range(K)), [-1] * K]
    with pytest.raises(ValueError, match="shorter"):
        rank_lists(lists[:2], queries)


def test_nan_names_the_scorer_and_the_user() -> None:
    scores = np.zeros((3, 5), np.float32)
    scores[1, 4] = np.nan
    queries = [query(user, 0, [], films(5)) for user in (11, 22, 33)]
    with pytest.raises(InvalidInput, match="score of table for user 22"):
        rank_all(Table(scores), queries, films(5))
