"""Recommendation acceptance, the reward: how often people accept an item from the lists that they are shown.

The stream and the watchdog compute it with these functions, and so does whoever compares two releases.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from core import columns as c
from core.kinds import ACCEPTING

ATTRIBUTION_SECONDS = 86_400.0  # how long after a list an answer is still its own
ACCEPTED = "accepted"
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Shares, 0 to 1, and of how many. A user's day (UTC) counts once, however many lists they were shown on it."""

    per_list: float
    per_user_day: float
    lists: int
    user_days: int


def chosen(impressions: pl.DataFrame) -> pl.DataFrame:
    """Impressions without those that a slot placed."""
    return impressions.filter(pl.col(c.LABEL).is_null()) if c.LABEL in impressions.columns else impressions


def answered_lists(
    impressions: pl.DataFrame, interactions: pl.DataFrame, attribution: float = ATTRIBUTION_SECONDS
) -> pl.DataFrame:
    """One row for each list: the columns of `impressions` that are the same in all its rows, and whether it was ACCEPTED.

    A list is accepted by an accepting interaction with its `request_id` and one of its items, at most `attribution` seconds
    after it was shown. Views, searches and skips do not accept, and neither do interactions without that `request_id`. What a
    slot placed does not count: nobody chose it, so it says nothing about who made the list.
    """
    impressions = chosen(impressions)
    answered = answered_items(impressions, interactions, attribution)
    of_items = {c.ITEM, c.POSITION, c.PROPENSITY, c.SCORE, c.EXPLORED, c.LABEL, c.OFFSET}
    lists = impressions.select(pl.exclude(*of_items)).unique(c.REQUEST_ID, keep="first", maintain_order=True)
    return lists.with_columns(pl.col(c.REQUEST_ID).is_in(answered[c.REQUEST_ID].implode()).alias(ACCEPTED))


def answered_items(
    impressions: pl.DataFrame, interactions: pl.DataFrame, attribution: float = ATTRIBUTION_SECONDS
) -> pl.DataFrame:
    """The request, user and item of every item that was accepted from the list that it was shown on. See `answered_lists`."""
    answers = interactions.filter(pl.col(c.KIND).is_in(ACCEPTING)).select(
        c.REQUEST_ID, c.USER, c.ITEM, pl.col(c.TS).alias("answered_at")
    )
    return (
        impressions.select(c.REQUEST_ID, c.USER, c.ITEM, c.TS)
        .join(answers, on=[c.REQUEST_ID, c.USER, c.ITEM])
        .filter(pl.col("answered_at") - pl.col(c.TS) <= attribution)
        .select(c.REQUEST_ID, c.USER, c.ITEM)
        .unique()
    )


def acceptance(
    impressions: pl.DataFrame, interactions: pl.DataFrame, attribution: float = ATTRIBUTION_SECONDS
) -> Acceptance | None:
    """Of the lists and of the users' days; None if no list was shown. See `answered_lists`."""
    lists = answered_lists(impressions, interactions, attribution)
    if lists.is_empty():
        return None
    days = lists.group_by(c.USER, (pl.col(c.TS) // _DAY).alias(c.DAY)).agg(pl.col(ACCEPTED).any())[ACCEPTED]
    accepted = lists[ACCEPTED].to_numpy()
    return Acceptance(float(accepted.mean()), float(days.to_numpy().mean()), len(accepted), len(days))
