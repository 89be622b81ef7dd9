"""What is measured of each user: acceptance, and guardrails. Every metric is a mean over users, so that every one of them gets an
interval that holds at every look."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from core import columns as c
from evaluation.acceptance import ACCEPTED, answered_lists
from evaluation.experiments.exposures import VARIANT, Exposures

BEFORE = "before"  # acceptance in the time before the experiment
HEAD = 0.1  # share of the items, those that are shown most, that are the head
SLOW = 0.95  # quantile of all lists' times above which one is slow
ERRORS, SLOW_LISTS, COVERAGE = "errors", "slow", "coverage"


@dataclass(frozen=True)
class UserMetric:
    """`sign` is +1 where more is better. `min_effect`: a change that matters, None for the experiment's share of the mean."""

    name: str
    title: str
    sign: int
    min_effect: float | None = None
    guardrail: bool = True


METRICS = (
    UserMetric(ACCEPTED, "accepted lists, share of a user's", 1, guardrail=False),
    UserMetric(ERRORS, "lists that their release could not make, share", -1, 0.02),
    UserMetric(c.DEGRADED, "lists that lacked a part, share", -1, 0.02),
    UserMetric(SLOW_LISTS, "lists slower than the 95th percentile of all, share", -1, 0.05),
    UserMetric(COVERAGE, "positions outside of the most shown tenth of the items, share", 1, 0.05),
)


@dataclass(frozen=True, eq=False)
class ExperimentRows:
    """Rows of the lake: from the start on impressions, interactions and lists; from before it impressions and interactions."""

    impressions: pl.DataFrame
    interactions: pl.DataFrame
    lists: pl.DataFrame
    impressions_before: pl.DataFrame
    interactions_before: pl.DataFrame


def user_metrics(rows: ExperimentRows, exposures: Exposures, attribution: float) -> pl.DataFrame:
    """A row for each exposed user: USER, VARIANT, FIRST, a column for each of METRICS and BEFORE; null where there is nothing."""
    shown = exposures.rows(rows.impressions)
    lists = exposures.rows(rows.lists.filter(~pl.col(c.SHADOW)))
    accepted = _means(answered_lists(shown, rows.interactions, attribution), pl.col(ACCEPTED))
    slow = pl.col(c.SECONDS) > pl.col(c.SECONDS).quantile(SLOW)
    made = (
        lists.with_columns(slow.alias(SLOW_LISTS))
        .group_by(c.USER)
        .agg(pl.col(c.FAILED).mean().alias(ERRORS), pl.col(c.DEGRADED).mean(), pl.col(SLOW_LISTS).mean())
    )
    counts = shown[c.ITEM].value_counts(sort=True)
    head = counts.head(max(1, int(HEAD * len(counts))))[c.ITEM]
    tail = _means(shown.with_columns((~pl.col(c.ITEM).is_in(head.implode())).alias(COVERAGE)), pl.col(COVERAGE))
    before = answered_lists(rows.impressions_before, rows.interactions_before, attribution)
    past = _means(before, pl.col(ACCEPTED)).rename({ACCEPTED: BEFORE})
    found = exposures.users
    for part in (accepted, made, tail, past):
        found = found.join(part, on=c.USER, how="left", maintain_order="left")
    return found


def latency_p95(rows: ExperimentRows, exposures: Exposures) -> dict[str, float]:
    """Seconds within which 95 % of a variant's lists were made."""
    lists = exposures.rows(rows.lists.filter(~pl.col(c.SHADOW)))
    return dict(lists.group_by(VARIANT).agg(pl.col(c.SECONDS).quantile(SLOW)).iter_rows())


def items_shown(rows: ExperimentRows, exposures: Exposures) -> dict[str, int]:
    """Different items in a variant's lists, of as many users as the smallest variant has: more users see more items."""
    shown = exposures.rows(rows.impressions)
    users = exposures.users
    least = min((len(of) for of in users.partition_by(VARIANT)), default=0)
    some = users.select(c.USER, VARIANT).sample(fraction=1.0, shuffle=True, seed=1).group_by(VARIANT).head(least)
    return dict(shown.join(some, on=[c.USER, VARIANT]).group_by(VARIANT).agg(pl.col(c.ITEM).n_unique()).iter_rows())


def _means(rows: pl.DataFrame, value: pl.Expr) -> pl.DataFrame:
    return rows.group_by(c.USER).agg(value.mean())
