"""Gathers the evidence on a release that is being let in from the lake: lists, and what came of them."""

from __future__ import annotations

import polars as pl

from core import columns as c
from evaluation.acceptance import answered_lists
from lake.ports import Lake
from lake.recent import since
from lake.tables import IMPRESSIONS, INTERACTIONS, LISTS
from lifecycle.rollout import Rollout, RolloutConfig, Stage
from lifecycle.rollout_evidence import TREATED, Evidence, of_shadow, of_users
from recommender.split import CANARY, PREVIOUS, arm_of

_LISTS = (c.REQUEST_ID, c.USER, c.ARM, c.SECONDS, c.FAILED, c.DEGRADED, c.SHADOW, c.OVERLAP)
_SHOWN = (c.REQUEST_ID, c.USER, c.ITEM, c.ARM, c.TS, c.LABEL)
_ANSWERS = (c.REQUEST_ID, c.USER, c.ITEM, c.KIND, c.TS)


def gather(lake: Lake, state: Rollout, config: RolloutConfig, attribution: float, now: float) -> Evidence:
    """Of the stage, or step of the canary, that the release is in. `attribution` as in `answered_lists`.

    Raises DependencyUnavailable, OSError.
    """
    begin = max(state.since, now - config.window) if state.stage is Stage.PROBATION else state.since
    lists = since(lake, LISTS, begin, _LISTS)
    if state.stage is Stage.SHADOW:
        return of_shadow(lists, config.guards)
    part = CANARY if state.stage is Stage.CANARY else PREVIOUS
    lists = _grouped(lists.filter(~pl.col(c.SHADOW)), part)
    shown = _grouped(since(lake, IMPRESSIONS, begin, _SHOWN), part)
    answered = answered_lists(shown, since(lake, INTERACTIONS, begin, _ANSWERS), attribution)
    return of_users(lists, answered, config.guards, looks=max(1, len(config.shares)))


def _grouped(rows: pl.DataFrame, part: str) -> pl.DataFrame:
    """The rows of the arms that have such a part, each with whether it is of the new release.

    A canary is the new release; those who are held back have the old one.
    """
    suffix = arm_of("", part)
    within = pl.col(c.ARM).str.ends_with(suffix)
    arms = rows.filter(within)[c.ARM].str.strip_suffix(suffix).unique()
    both = rows.filter(within | pl.col(c.ARM).is_in(arms.implode()))
    return both.with_columns((within if part == CANARY else ~within).alias(TREATED))
