"""What the analysis and the planning of experiments read from the lake."""

from __future__ import annotations

import numpy as np
import polars as pl

from core import columns as c
from core.errors import NotFound
from evaluation.acceptance import ACCEPTED, answered_lists
from evaluation.experiments.planning import Baseline
from evaluation.experiments.user_metrics import ExperimentRows
from lake.ports import Lake
from lake.recent import since
from lake.tables import IMPRESSIONS, INTERACTIONS, LISTS
from lifecycle.experiments import ExperimentRun

DAY = 86_400.0
PAST_DAYS = 14.0  # before the start, for CUPED
_SHOWN = (c.REQUEST_ID, c.USER, c.ITEM, c.ARM, c.TS)
_ANSWERS = (c.REQUEST_ID, c.USER, c.ITEM, c.KIND, c.TS)
_LISTS = (c.REQUEST_ID, c.USER, c.ARM, c.SECONDS, c.FAILED, c.DEGRADED, c.SHADOW, c.TS)


def rows_of(lake: Lake, run: ExperimentRun, attribution: float) -> ExperimentRows:
    """The rows of a run; answers may come `attribution` seconds after its end. Raises DependencyUnavailable, OSError."""
    begin, end = run.since, run.until if run.until is not None else float("inf")
    shown, answers = (
        since(lake, IMPRESSIONS, begin - PAST_DAYS * DAY, _SHOWN),
        since(lake, INTERACTIONS, begin - PAST_DAYS * DAY, _ANSWERS),
    )
    lists = since(lake, LISTS, begin, _LISTS)
    ts = pl.col(c.TS)
    return ExperimentRows(
        shown.filter((ts >= begin) & (ts < end)),
        answers.filter((ts >= begin) & (ts < end + attribution)),
        lists.filter(ts < end),
        shown.filter(ts < begin),
        answers.filter(ts < begin),
    )


def baseline_of(lake: Lake, days: float, attribution: float, now: float) -> Baseline:
    """The acceptance of the last days. Raises NotFound without a list, DependencyUnavailable, OSError."""
    begin = now - days * DAY
    shown = since(lake, IMPRESSIONS, begin, _SHOWN)
    lists = answered_lists(shown, since(lake, INTERACTIONS, begin, _ANSWERS), attribution)
    if lists.is_empty():
        raise NotFound(f"no list was shown within the last {days:g} days, so there is nothing to plan with; see --days")
    users = lists.group_by(c.USER).agg(pl.col(ACCEPTED).mean(), pl.col(c.TS).min())
    first = np.sort((users[c.TS].to_numpy() - float(lists[c.TS].to_numpy().min())) / DAY)
    seen = float(np.ptp(lists[c.TS].to_numpy())) / DAY
    reach = np.searchsorted(first, np.arange(1, int(np.ceil(seen)) + 1), side="right").astype(np.float64)
    values = users[ACCEPTED].to_numpy().astype(np.float64)
    return Baseline(float(values.mean()), float(values.std()), reach)
