"""Successive prediction: for each new film of a period, what was known about the user just before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core import columns as c
from core.catalogue import Catalogue
from core.features import Profiles, UserFeatures
from core.kinds import TARGETS, VERDICTS
from core.ordering import tie_hash
from datasets.splits import in_time_order
from feature_repo.transforms import UserEvent, UserState, item_genres


@dataclass(frozen=True, slots=True, eq=False)
class LabelledQuery:
    """One event to predict. `user` is None where it is the user's first. `weight`: how much a ranker learns from it."""

    user_id: int
    user: UserFeatures | None
    target: int  # catalogue row
    ts: float
    weight: float = 1.0

    def excluded(self, catalogue: Catalogue) -> NDArray[np.intp]:
        """Catalogue rows that may no longer be recommended to this user."""
        if self.user is None:
            return np.empty(0, dtype=np.intp)
        return catalogue.known_rows(self.user.consumed)


def labelled_queries(
    interactions: pl.DataFrame,
    catalogue: Catalogue,
    start: float,
    end: float,
    max_queries: int | None = None,
    seed: int = 0,
    profiles: Profiles | None = None,
) -> Iterator[LabelledQuery]:
    """One query per film that a user first consumed at start <= ts < end, in time order; features use only earlier events.

    Events on films that the user consumed or skipped earlier are history and not targets: lists leave out consumed films, so
    they could not contain such a target, while a full ranking that re-admits it could.
    Weights are those of the column `WEIGHT`, where there is one. `max_queries` of them are drawn uniformly at random. Events of
    the same second are ordered by a hash, not by their position in the file. A user with one of the `profiles` (static attributes
    by user id) is known from it before the first event.
    """
    ordered = in_time_order(interactions.filter(pl.col(c.TS) < end))
    wanted = _drawn((ordered[c.TS].to_numpy() >= start) & _is_target(ordered), max_queries, seed)
    relevant = ordered[c.USER].is_in(ordered.filter(pl.Series(wanted))[c.USER].unique().implode())
    genres = item_genres(catalogue)
    known = profiles or {}
    states: dict[int, UserState] = {}
    rows = catalogue.rows(ordered[c.ITEM].to_numpy()).tolist()
    columns = ordered.select(c.USER, c.ITEM, c.KIND, c.VALUE, c.TS).iter_rows()
    weights = ordered[c.WEIGHT].to_list() if c.WEIGHT in ordered.columns else [1.0] * len(ordered)
    events = zip(wanted.tolist(), relevant.to_list(), rows, columns, weights, strict=True)
    for is_query, matters, row, values, weight in events:
        if not matters:  # no query of this user in the period, so the history is not needed
            continue
        event = UserEvent(*values)
        state = states.get(event.user_id)
        if state is None and event.user_id in known:
            state = states.setdefault(event.user_id, UserState(UserFeatures(event.user_id, profile=tuple(known[event.user_id]))))
        if is_query and row >= 0:
            yield LabelledQuery(event.user_id, state.features() if state else None, row, event.ts, weight)
        if state is None:
            state = states.setdefault(event.user_id, UserState(UserFeatures(event.user_id)))
        state.add(event, genres.get(event.item_id, ()))


def _is_target(ordered: pl.DataFrame) -> NDArray[np.bool_]:
    """Which events [n], in time order, are a user's first verdict on a film, and not a skip; retrieval predicts the same."""
    verdict = pl.col(c.KIND).is_in(VERDICTS)
    first = pl.struct(c.USER, c.ITEM, verdict).is_first_distinct() & verdict
    return ordered.select(first & pl.col(c.KIND).is_in(TARGETS)).to_series().to_numpy()


def _drawn(inside: NDArray[np.bool_], max_queries: int | None, seed: int) -> NDArray[np.bool_]:
    candidates = np.flatnonzero(inside)
    if max_queries is None or len(candidates) <= max_queries:
        return inside
    drawn = np.zeros_like(inside)
    drawn[np.random.default_rng(seed).choice(candidates, max_queries, replace=False)] = True
    return drawn


def ties_for(user_id: int, catalogue: Catalogue) -> NDArray[np.uint64]:
    """The tie-breaker of one user over all catalogue rows [n]."""
    return tie_hash(np.int64(user_id), catalogue.ids)  # type: ignore[arg-type]
