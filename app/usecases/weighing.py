"""How much events count: the weights of the settings, and what a ranker makes of them and of the lists that were shown."""

from __future__ import annotations

import polars as pl

from core import columns as c
from core.settings import CONFIGS, Settings
from evaluation.event_weights import weighted
from feature_repo.signals import SignalWeights
from lake import recent
from lake.ports import Lake
from lake.tables import IMPRESSIONS

_DAY = 86_400.0  # before the first answer, in which its list was shown


def signal_weights(settings: Settings) -> SignalWeights:
    """What `MARQUEE_SIGNALS` names. Raises InvalidInput."""
    return SignalWeights.load(CONFIGS / "signals" / f"{settings.signals}.toml")


def for_ranking(settings: Settings, lake: Lake, interactions: pl.DataFrame) -> pl.DataFrame:
    """The interactions with how much each counts when a ranker learns from it (`evaluation.event_weights`).

    Of the impressions those are read that somebody may have answered. Raises DependencyUnavailable.
    """
    answers = interactions.filter(pl.col(c.REQUEST_ID).is_not_null())
    if answers.is_empty():
        return weighted(interactions, signal_weights(settings), pl.DataFrame())
    first = float(answers[c.TS].to_numpy().min()) - _DAY
    shown = recent.since(lake, IMPRESSIONS, first, (c.REQUEST_ID, c.ITEM, c.PROPENSITY))
    return weighted(interactions, signal_weights(settings), shown.join(answers, on=[c.REQUEST_ID, c.ITEM], how="semi"))
