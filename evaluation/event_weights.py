"""How much an event counts when a ranker learns from it: how strongly it expresses a taste, and how likely it was to be seen."""

from __future__ import annotations

import polars as pl

from core import columns as c
from feature_repo.signals import SignalWeights

MAX_INVERSE = 20.0  # of a propensity, so that no single event decides


def weighted(interactions: pl.DataFrame, signals: SignalWeights, shown: pl.DataFrame) -> pl.DataFrame:
    """With `WEIGHT`: the weight of the event's kind and, for what was taken from a list, the inverse of its propensity.

    What lists show is taken more often than what they hardly ever show, whatever its merit, and a ranker that learns from that
    learns the policy that was logged. Weighing each answer by how unlikely it was to be shown corrects that (Joachims,
    Swaminathan and Schnabel, WSDM 2017, arXiv:1608.04468). Inverses are capped, and have a mean of 1 over all answers, so that
    they say which answers count and not how much answers count beside what people found by themselves.

    `shown` are impressions with request, item and propensity; an answer to a list that is not among them counts like any event.
    """
    by_kind = pl.col(c.KIND).replace_strict(dict(signals.by_kind), default=0.0, return_dtype=pl.Float64)
    if shown.is_empty() or c.REQUEST_ID not in interactions.columns:
        return interactions.with_columns(by_kind.alias(c.WEIGHT))
    inverse = (1 / pl.col(c.PROPENSITY)).clip(upper_bound=MAX_INVERSE)
    known = shown.select(c.REQUEST_ID, c.ITEM, inverse.alias("inverse")).unique([c.REQUEST_ID, c.ITEM])
    answered = interactions.join(known, on=[c.REQUEST_ID, c.ITEM], how="left", maintain_order="left")
    relative = (pl.col("inverse") / pl.col("inverse").mean()).fill_null(1.0)
    return answered.with_columns((by_kind * relative).alias(c.WEIGHT)).drop("inverse")
