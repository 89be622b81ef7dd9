"""Recommendation acceptance: the share of shown lists from which the user accepted an item."""

from __future__ import annotations

import polars as pl

from core import columns as c
from core.kinds import ACCEPTING


def acceptance_rate(impressions: pl.DataFrame, interactions: pl.DataFrame) -> float | None:
    """The share of lists with an accepting interaction on an item that they showed; None if there is no list.

    An interaction belongs to a list when it has the list's `request_id` and one of its items. Views, searches and skips
    do not count as acceptance, and neither do interactions without that `request_id`.
    """
    lists = impressions[c.REQUEST_ID].n_unique()
    if not lists:
        return None
    accepting = interactions.filter(pl.col(c.KIND).is_in(ACCEPTING))
    answered = impressions.join(accepting, on=[c.REQUEST_ID, c.USER, c.ITEM], how="semi")
    return answered[c.REQUEST_ID].n_unique() / lists
