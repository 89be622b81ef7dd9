"""The whole analysis of one experiment at one moment. It may be made as often as one likes: its intervals hold at every look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from core import columns as c
from evaluation.acceptance import ACCEPTED, ATTRIBUTION_SECONDS, answered_lists
from evaluation.experiments.cuped import adjusted
from evaluation.experiments.exposures import FIRST, VARIANT, Exposures, exposures
from evaluation.experiments.judging import JudgedVariant, Judging, judge
from evaluation.experiments.novelty import DAY, DayEffect, by_day
from evaluation.experiments.sample_ratio import SampleRatio, sample_ratio
from evaluation.experiments.user_metrics import BEFORE, METRICS, ExperimentRows, items_shown, latency_p95, user_metrics
from recommender.experiments.definition import LayeredExperiment


@dataclass(frozen=True)
class ExperimentResult:
    """What is known of an experiment now."""

    ratio: SampleRatio
    forced: int
    switched: int
    judged: tuple[JudgedVariant, ...]
    variance_kept: float  # of the acceptance, after CUPED; 1 where nothing was known of the users before
    novelty: Mapping[str, list[DayEffect]]
    latency_p95: Mapping[str, float]  # seconds
    items_shown: Mapping[str, int]
    users_a_day: float  # new ones

    def days_left(self, one: JudgedVariant) -> float | None:
        """Days until a change that matters would be found, if new users come as they did."""
        return one.users_left / self.users_a_day if one.users_left is not None and self.users_a_day > 0 else None


def analyse(rows: ExperimentRows, experiment: LayeredExperiment, attribution: float = ATTRIBUTION_SECONDS) -> ExperimentResult:
    """Of the rows of one run. `attribution`: see `answered_lists`."""
    who = exposures(rows.impressions, experiment.name)
    shares = experiment.shares
    ratio = sample_ratio(dict(who.users.group_by(VARIANT).len().iter_rows()), shares)
    invalid = f"sample-ratio mismatch: users {dict(ratio.users)}, p {ratio.p_value:.1g}" if ratio.mismatch else ""
    judging = Judging(experiment.control, shares, experiment.min_effect, experiment.level, experiment.power)
    users, kept = _less_past(user_metrics(rows, who, attribution))
    judged = []
    for metric in METRICS:
        known = users.drop_nulls(metric.name)
        values = {name: known.filter(pl.col(VARIANT) == name)[metric.name].to_numpy() for name in shares}
        judged += judge(metric, values, judging, invalid)
    return ExperimentResult(
        ratio,
        who.forced,
        who.switched,
        tuple(judged),
        kept,
        by_day(answered_lists(who.rows(rows.impressions), rows.interactions, attribution), experiment.control),
        latency_p95(rows, who),
        items_shown(rows, who),
        _a_day(who),
    )


def _less_past(users: pl.DataFrame) -> tuple[pl.DataFrame, float]:
    """The users with their acceptance adjusted by their past, and the share of its variance that is left."""
    known = users.drop_nulls(ACCEPTED)
    raw = known[ACCEPTED].to_numpy().astype(np.float64)
    values = adjusted(raw, known[BEFORE].fill_null(float("nan")).to_numpy().astype(np.float64))
    kept = float(values.var() / raw.var()) if len(raw) and raw.var() > 0 else 1.0
    changed = known.select(c.USER).with_columns(pl.Series(ACCEPTED, values))
    return users.drop(ACCEPTED).join(changed, on=c.USER, how="left"), kept


def _a_day(who: Exposures) -> float:
    first = who.users[FIRST].to_numpy()
    return len(first) / max(1.0, float(np.ptp(first)) / DAY) if len(first) else 0.0
