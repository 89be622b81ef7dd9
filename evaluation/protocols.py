"""Evaluation protocols: the splits on which models are compared. Each gives folds on which any model can be run.

`loo`: the last event of each user, given all the earlier ones (without a global cut-off: one user's test event may precede
another's training events).
`last` and `successive`: rolling cut-offs in global time; a fold trains on the events before its cut and
predicts the ones after it, either each user's last event of the fold or all of them. `strong`: the last event of users that
training never saw (Marlin 2004).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core import columns as c
from core.catalogue import Catalogue
from core.errors import DatasetError, InvalidInput
from core.features import UserFeatures
from core.kinds import KIND_CODE, TARGETS, codes
from core.ordering import tie_hash
from datasets.splits import before, cutoff, in_time_order
from evaluation.queries import LabelledQuery, labelled_queries

Protocol = Literal["loo", "last", "successive", "strong"]
PROTOCOLS: tuple[Protocol, ...] = ("loo", "last", "successive", "strong")
_FIRST_CUT = 0.5  # share of the events before the first rolling cut-off
_HELD_OUT_ONE_IN = 10  # `strong` keeps one in this many users out of training


@dataclass(frozen=True, eq=False)
class Fold:
    """What a model may learn from, and the queries. A query holds what was known just before its event."""

    name: str
    train: pl.DataFrame
    queries: tuple[LabelledQuery, ...]


def folds_of(
    protocol: Protocol, interactions: pl.DataFrame, catalogue: Catalogue, *, folds: int = 5, has_time: bool = True
) -> list[Fold]:
    """The folds of a protocol. Raises InvalidInput if the protocol does not suit the data, DatasetError without any query."""
    if protocol in ("last", "successive"):
        if not has_time:
            raise InvalidInput("protocol", protocol, "loo or strong: this data set has an order per user but no times")
        found = list(rolling(interactions, catalogue, folds, last_only=protocol == "last"))
    else:
        found = [leave_one_out(interactions, catalogue) if protocol == "loo" else strong(interactions, catalogue)]
    if not any(fold.queries for fold in found):
        raise DatasetError(f"{protocol}: no user has an event to predict; every user needs at least two")
    return found


def leave_one_out(interactions: pl.DataFrame, catalogue: Catalogue) -> Fold:
    """Each user's last event is predicted; users with a single event are used only in training."""
    train, queries = _without_last(interactions, catalogue)
    return Fold("loo", train, tuple(queries))


def strong(interactions: pl.DataFrame, catalogue: Catalogue) -> Fold:
    """A tenth of the users, drawn by a hash of their id, are left out of training, and their last event is predicted."""
    ids = interactions[c.USER].to_numpy()
    held_out = pl.Series(tie_hash(ids, np.zeros_like(ids)) % np.uint64(_HELD_OUT_ONE_IN) == 0)
    _, queries = _without_last(interactions.filter(held_out), catalogue)
    return Fold("strong", interactions.filter(~held_out), tuple(queries))


def rolling(interactions: pl.DataFrame, catalogue: Catalogue, folds: int, last_only: bool) -> Iterator[Fold]:
    """Expanding windows: cut-offs at even shares of the events from the middle on."""
    if folds < 1:
        raise InvalidInput("folds", folds, "at least 1")
    shares = np.linspace(_FIRST_CUT, 1, folds + 1)
    cuts = [cutoff(interactions, share) for share in shares[:-1]] + [np.inf]
    for number, (start, end) in enumerate(pairwise(cuts), 1):
        queries = labelled_queries(interactions, catalogue, start, end)
        asked = {query.user_id: query for query in queries}.values() if last_only else queries
        yield Fold(f"{'last' if last_only else 'successive'}-{number}", before(interactions, start), tuple(asked))


def _without_last(interactions: pl.DataFrame, catalogue: Catalogue) -> tuple[pl.DataFrame, Iterator[LabelledQuery]]:
    ordered = in_time_order(interactions)
    order = np.argsort(ordered[c.USER].to_numpy(), kind="stable")
    ordered = ordered[order]
    users = ordered[c.USER].to_numpy()
    ends = np.append(np.flatnonzero(np.diff(users)), len(users) - 1) if len(users) else np.empty(0, dtype=np.int64)
    starts = np.append(0, ends[:-1] + 1) if len(users) else ends
    asked = ends > starts
    held_out = np.zeros(len(users), dtype=np.bool_)
    held_out[ends[asked]] = True
    return ordered.filter(pl.Series(~held_out)), last_events(ordered, starts[asked], ends[asked], catalogue)


def last_events(
    ordered: pl.DataFrame, starts: NDArray[np.int64], ends: NDArray[np.int64], catalogue: Catalogue
) -> Iterator[LabelledQuery]:
    """A query for each span of one user's events, rows `starts` [m] to `ends` [m], whose last event takes up an item of the
    catalogue that they had not met before; a skip asks nothing."""
    items, times = ordered[c.ITEM].to_numpy(), ordered[c.TS].to_numpy()
    values = ordered[c.VALUE].fill_null(0).cast(pl.Float32).to_numpy()
    kinds = ordered[c.KIND].replace_strict(KIND_CODE, return_dtype=pl.Int64).to_numpy()
    rows, users, wanted = catalogue.rows(items), ordered[c.USER].to_numpy(), np.isin(kinds, codes(TARGETS))
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        past = slice(start, end)
        seen = np.unique(items[past])
        if rows[end] < 0 or not wanted[end] or items[end] in seen:
            continue
        user = UserFeatures(
            int(users[end]), items[past], kinds[past], values[past], times[past], n_events=end - start, consumed=seen
        )
        yield LabelledQuery(user.user_id, user, int(rows[end]), float(times[end]))
