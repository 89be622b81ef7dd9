"""The result of an experiment's latest run, and how long one would take."""

from __future__ import annotations

import time
from pathlib import Path

from app import wiring
from app.pages import write
from app.usecases.experiment_report import page, reading
from core.errors import InvalidInput, NotFound
from core.settings import Settings
from evaluation.experiments.analysis import analyse
from evaluation.experiments.planning import ExperimentPlan, plan
from lifecycle.experiments import ExperimentRecord
from recommender.experiments.definition import BUCKETS, LayeredExperiment

HOUR = 3600.0


def report(settings: Settings, name: str, path: Path) -> list[str]:
    """Write the page; returns its answers in words. Raises NotFound without a run, DependencyUnavailable, OSError."""
    runs = [run for run in ExperimentRecord(wiring.ledger(settings)).runs() if run.experiment.name == name]
    if not runs:
        raise NotFound(f"the experiment {name!r} was never started; `marquee experiment list` shows those that were")
    attribution = settings.attribution_hours * HOUR
    result = analyse(reading.rows_of(wiring.lake(settings), runs[-1], attribution), runs[-1].experiment, attribution)
    write(path, page.page(runs[-1], result, time.time()))
    return page.lines(result)


def planned(settings: Settings, name: str, min_effect: float | None, days: float) -> dict[str, ExperimentPlan]:
    """By variant, for a relative `min_effect`, the definition's by default, on acceptance as it was in the last `days`.

    Raises NotFound, InvalidInput, DependencyUnavailable.
    """
    one = LayeredExperiment.load(name)
    baseline = reading.baseline_of(wiring.lake(settings), days, settings.attribution_hours * HOUR, time.time())
    if baseline.mean == 0:
        raise InvalidInput("acceptance", 0.0, f"above 0: none of the lists of the last {days:g} days was accepted; see --days")
    exposed = (one.buckets[1] - one.buckets[0]) / BUCKETS
    others = [variant for variant in one.variants if variant != one.control]
    control = one.variants[one.control].share
    return {
        variant: plan(
            baseline,
            control,
            one.variants[variant].share,
            (min_effect or one.min_effect) * baseline.mean,
            one.level,
            one.power,
            len(others),
            exposed,
        )
        for variant in others
    }
