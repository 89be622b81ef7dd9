"""The lists of the logs, each with its propensities and what was accepted: what can be judged, and how much cannot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core import columns as c
from core.catalogue import Catalogue
from core.features import Profiles, UserFeatures
from datasets.splits import in_time_order
from evaluation.acceptance import ATTRIBUTION_SECONDS, answered_items
from evaluation.ope.support import check_propensities
from feature_repo.transforms import UserEvent, UserState, item_genres
from recommender.roles import Page, Query

IMPRESSION_COLUMNS = (
    c.REQUEST_ID, c.USER, c.ITEM, c.POSITION, c.PROPENSITY, c.POLICY, c.MODEL_VERSION, c.TS, c.LABEL,
)  # fmt: skip
LATER_PAGE, PLACED = "a later page of a list", "a slot placed one of its items"
UNANSWERABLE, NOT_DRAWN = "too new to have been answered", "not drawn"


@dataclass(frozen=True, slots=True, eq=False)
class LoggedList:
    """One list that was shown. Columns [m], from the top."""

    request_id: str
    user_id: int  # the key
    ts: float  # Unix seconds
    policy: str
    release: str
    items: NDArray[np.int64]  # keys
    propensities: NDArray[np.float64]  # of each item given those above it
    rewards: NDArray[np.float64]  # 1 for the topmost item that was accepted: they sum to whether the list was


@dataclass(frozen=True)
class LoggedLists:
    """In order of time, and how many lists were left out, by reason."""

    lists: tuple[LoggedList, ...]
    left_out: dict[str, int]


def logged_lists(
    impressions: pl.DataFrame,
    interactions: pl.DataFrame,
    now: float,
    attribution: float = ATTRIBUTION_SECONDS,
    max_lists: int | None = None,
    seed: int = 0,
) -> LoggedLists:
    """From rows of the lake's tables; `max_lists` of them are drawn evenly.

    A list is accepted as `evaluation.acceptance` says, and one that is younger than `attribution` seconds at `now` (Unix
    seconds) has not been answered yet. A later page depends on the pages before it, which were other requests, so only lists
    from the first position on are judged; nor are those with an item that a slot placed, which nobody chose. Raises Unsupported
    where a propensity is missing.
    """
    check_propensities(impressions[c.PROPENSITY].cast(pl.Float64).fill_null(np.nan).to_numpy())
    accepted = answered_items(impressions, interactions, attribution).with_columns(pl.lit(1.0).alias("accepted"))
    rows = impressions.select(IMPRESSION_COLUMNS).unique([c.REQUEST_ID, c.POSITION])
    rows = rows.join(accepted, on=[c.REQUEST_ID, c.USER, c.ITEM], how="left").sort(c.REQUEST_ID, c.POSITION)
    lists = rows.group_by(c.REQUEST_ID, maintain_order=True).agg(
        pl.col(c.USER, c.TS, c.POLICY, c.MODEL_VERSION).first(),
        pl.col(c.ITEM, c.PROPENSITY, c.POSITION, "accepted"),
        pl.col(c.LABEL).is_not_null().any().alias(PLACED),
    )
    whole = pl.col(c.POSITION).list.last() == pl.col(c.POSITION).list.len() - 1
    answerable = pl.col(c.TS) + attribution <= now
    judged = whole & ~pl.col(PLACED)
    kept = lists.filter(judged & answerable).sort(c.TS, c.REQUEST_ID)
    left_out = {
        LATER_PAGE: len(lists.filter(~whole)),
        PLACED: len(lists.filter(whole & pl.col(PLACED))),
        UNANSWERABLE: len(lists.filter(judged & ~answerable)),
    }
    if max_lists is not None and len(kept) > max_lists:
        left_out[NOT_DRAWN] = len(kept) - max_lists
        drawn = np.random.default_rng(seed).choice(len(kept), max_lists, replace=False)
        kept = kept[np.sort(drawn)]
    found = (_list(row) for row in kept.iter_rows(named=True))
    return LoggedLists(tuple(found), {reason: count for reason, count in left_out.items() if count})


def _list(row: dict[str, object]) -> LoggedList:
    accepted = np.array([value is not None for value in row["accepted"]])  # type: ignore[attr-defined]
    rewards = np.zeros(len(accepted))
    if accepted.any():
        rewards[int(accepted.argmax())] = 1.0
    return LoggedList(
        request_id=str(row[c.REQUEST_ID]),
        user_id=int(str(row[c.USER])),
        ts=float(str(row[c.TS])),
        policy=str(row[c.POLICY]),
        release=str(row[c.MODEL_VERSION]),
        items=np.array(row[c.ITEM], dtype=np.int64),
        propensities=np.array(row[c.PROPENSITY], dtype=np.float64),
        rewards=rewards,
    )


def requests(
    lists: tuple[LoggedList, ...], interactions: pl.DataFrame, catalogue: Catalogue, profiles: Profiles | None = None
) -> Iterator[Query]:
    """The request of each list, in order of time, with the user's features from the events before it."""
    users = pl.Series([one.user_id for one in lists], dtype=pl.Int64).unique()
    latest = max((one.ts for one in lists), default=0.0)
    events = in_time_order(interactions.filter(pl.col(c.USER).is_in(users.implode()) & (pl.col(c.TS) < latest)))
    waiting = map(UserEvent._make, events.select(c.USER, c.ITEM, c.KIND, c.VALUE, c.TS).iter_rows())
    genres, states = item_genres(catalogue), _known(profiles or {}, users)
    event = next(waiting, None)
    for one in lists:
        while event is not None and event.ts < one.ts:
            state = states.setdefault(event.user_id, UserState(UserFeatures(event.user_id)))
            state.add(event, genres.get(event.item_id, ()))
            event = next(waiting, None)
        user = states[one.user_id].features() if one.user_id in states else None
        yield Query(one.request_id, one.user_id, one.ts, _seed(one.request_id), user=user, page=Page(len(one.items)))


def _known(profiles: Profiles, users: pl.Series) -> dict[int, UserState]:
    wanted = set(users.to_list()) & profiles.keys()
    return {user: UserState(UserFeatures(user, profile=tuple(profiles[user]))) for user in wanted}


def _seed(request_id: str) -> int:
    """As serving derives it; 0 for an id that serving did not make."""
    try:
        return int(request_id[:16], 16)
    except ValueError:
        return 0
