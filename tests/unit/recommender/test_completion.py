"""A list that is short is filled up with what is popular and eligible."""

from __future__ import annotations

import numpy as np
from synthetic import make_query, make_snapshot

from recommender.completion import Completion
from recommender.roles import Selection

NOW = make_snapshot()
POPULAR = NOW.stats.popular_rows(len(NOW.catalogue))
EVERYTHING = np.ones(len(NOW.catalogue), dtype=np.bool_)


def short(*rows: int) -> Selection:
    n = len(rows)
    return Selection(
        np.array(rows, dtype=np.intp), np.arange(n, 0, -1, dtype=np.float32), np.full(n, 0.5, np.float32),
        np.ones(n, np.bool_), ("a",), np.ones((n, 1), np.bool_),
    )  # fmt: skip


def test_it_adds_the_most_popular_that_are_not_there_yet() -> None:
    first = int(POPULAR[1])
    whole = Completion(NOW.stats).complete(make_query(4), short(first), EVERYTHING)
    assert whole.rows.tolist() == [first, *POPULAR[[0, 2, 3]].tolist()]
    assert (np.diff(whole.scores) < 0).all()
    assert whole.propensities.tolist() == [0.5, 1, 1, 1]
    assert whole.explored.tolist() == [True, False, False, False]
    assert whole.found_by("a").tolist() == [True, False, False, False]


def test_it_stays_within_what_is_eligible_and_leaves_the_mask_alone() -> None:
    eligible = np.zeros_like(EVERYTHING)
    eligible[[3, 7]] = True
    whole = Completion(NOW.stats).complete(make_query(10), short(3), eligible)
    assert whole.rows.tolist() == [3, 7]
    assert np.flatnonzero(eligible).tolist() == [3, 7]


def test_it_fills_up_to_the_end_of_the_page() -> None:
    assert len(Completion(NOW.stats).complete(make_query(10, offset=5), short(), EVERYTHING)) == 15


def test_nothing_eligible_nothing_added() -> None:
    assert len(Completion(NOW.stats).complete(make_query(10), short(), np.zeros_like(EVERYTHING))) == 0
