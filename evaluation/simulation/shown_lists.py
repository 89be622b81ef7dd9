"""Lists of a recommender shown to the visitors of a world: logs as the lake has them, and the truth behind them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core import columns as c
from core.features import UserFeatures
from evaluation.simulation.arrivals import Visit
from evaluation.simulation.simulation import Simulation
from feature_repo.transforms import UserEvent, UserState, fold_history, item_genres
from lake import tables
from recommender.live import Snapshot
from recommender.policy import Policy
from recommender.recommender import Offline, RecommendationResult
from recommender.roles import Page, Query


@dataclass(frozen=True, eq=False)
class ShownLists:
    """`impressions` and `interactions` (the past ones too) are rows of the lake's tables; `chances` [visits] the true probability
    that each list is accepted."""

    impressions: pl.DataFrame
    interactions: pl.DataFrame
    chances: NDArray[np.float64]


def past_events(simulation: Simulation, visits: Sequence[Visit], start: float, step: float) -> pl.DataFrame:
    """What the visitors took without a recommender, a visit every `step` seconds from `start` (Unix seconds)."""
    events = [simulation.browse(visit, start + number * step) for number, visit in enumerate(visits)]
    return _interactions([event for event in events if event is not None])


def show(
    simulation: Simulation,
    now: Snapshot,
    policy: Policy,
    past: pl.DataFrame,
    visits: Sequence[Visit],
    size: int,
    start: float,
    step: float,
    seed: int = 0,
) -> ShownLists:
    """A list of `size` for each visit, a visit every `step` seconds from `start`; each knows what its user did before.

    The seed decides what is explored; what visitors take from a given list is the world's.
    """
    genres = item_genres(now.catalogue)
    states = {user.user_id: UserState(user) for user in fold_history(past, now.catalogue)}
    shown: list[pl.DataFrame] = []
    events, chances = [], []
    with Offline(now, policy) as offline:
        for number, visit in enumerate(visits):
            at = start + number * step
            request = hashlib.blake2b(f"{seed} {visit.number}".encode(), digest_size=16).hexdigest()
            user = states[visit.user].features() if visit.user in states else None
            query = Query(request, visit.user, at, int(request[:16], 16), user=user, page=Page(size))
            [made] = offline.recommend([query])
            shown.append(_impressions(made))
            rows = simulation.rows_of(shown[-1][c.ITEM].to_list())
            chances.append(1.0 - simulation.choices.probabilities(simulation.world, visit.user, visit.day, rows)[-1])
            event = simulation.event(visit, rows, request, at + step / 2)
            if event is not None:
                events.append(event)
                state = states.setdefault(visit.user, UserState(UserFeatures(visit.user)))
                item = int(event[c.ITEM])
                state.add(UserEvent(visit.user, item, event[c.KIND], event[c.VALUE], event[c.TS]), genres.get(item, ()))
    return ShownLists(pl.concat(shown), pl.concat([past, _interactions(events)]), np.array(chances))


def _impressions(made: RecommendationResult) -> pl.DataFrame:
    chosen, query = made.selection, made.query
    rows = pl.DataFrame(
        {
            c.ITEM: made.snapshot.catalogue.ids[chosen.rows],
            c.POSITION: np.arange(len(chosen)),
            c.PROPENSITY: chosen.propensities.astype(np.float64),
            c.SCORE: chosen.scores.astype(np.float64),
            c.EXPLORED: chosen.explored,
        }
    ).with_columns(
        pl.lit(query.request_id).alias(c.REQUEST_ID),
        pl.lit(query.user_id).alias(c.USER),
        pl.lit(chosen.policy_id).alias(c.POLICY),
        pl.lit(query.context.arm).alias(c.ARM),
        pl.lit(made.snapshot.name).alias(c.MODEL_VERSION),
        pl.lit(query.now).alias(c.TS),
        pl.lit(0).alias(c.OFFSET),
    )
    return tables.conform(tables.IMPRESSIONS, rows)


def _interactions(events: Sequence[dict[str, object]]) -> pl.DataFrame:
    if not events:
        return tables.SCHEMAS[tables.INTERACTIONS].to_frame()
    rows = pl.DataFrame([{c.REQUEST_ID: None, **event} for event in events], schema_overrides={c.REQUEST_ID: pl.String})
    return tables.conform(tables.INTERACTIONS, rows.with_columns(pl.lit(0).alias(c.OFFSET)))
