"""The consumer's loops, assembled."""

from __future__ import annotations

from functools import partial

from app import wiring
from app.ops.ownership import sole_bandit
from app.usecases import steps
from app.usecases.features import signals
from app.usecases.learning import learning_loop
from core import columns as c
from core.events import IMPRESSIONS, INTERACTIONS, LISTS
from core.ports import EventLog
from core.settings import Settings
from lake import tables
from lake.erased_users import ErasedUsers
from lake.items_feed import KnownItems
from streaming.consumer import Loop
from streaming.decoding import Contract
from streaming.handlers import impression_rows, known_interaction_rows, list_rows
from streaming.learning.bandit_loop import BanditLoop
from streaming.loops.feature_effect import FeatureEffect, FeatureStore
from streaming.loops.interaction_loop import InteractionLoop, LoopConfig
from streaming.loops.lake_loop import LakeLoop
from streaming.statistics.statistics_loop import StatisticsLoop

LISTS_FLUSH = 10.0  # seconds: they are looked at once a minute, so few and larger appends do


def loops(settings: Settings, log: EventLog, features: FeatureStore) -> list[Loop]:
    """Loops that keep features fresh, fill the lake (one per table), count what it holds, and learn online."""
    weigh = signals(settings, steps.events(settings, c.ITEM))
    lake = wiring.lake(settings)
    items = KnownItems(lake)
    contract = Contract(items, wiring.clock_rule(settings), ErasedUsers(lake).forgets)
    config = LoopConfig(settings.consumer_batch, settings.consumer_max_batch, settings.consumer_poll)
    interactions, impressions = partial(known_interaction_rows, contract=contract), partial(impression_rows, items=items)
    learning = [learning_loop(settings, log, features, contract, config)] if settings.learn else []
    return [
        InteractionLoop(log, FeatureEffect(features, items.genres, weigh), contract, config, writes_dead_letters=True),
        LakeLoop(log, lake, INTERACTIONS, tables.INTERACTIONS, interactions, settings.lake_flush),
        LakeLoop(log, lake, IMPRESSIONS, tables.IMPRESSIONS, impressions, settings.lake_flush),
        LakeLoop(log, lake, LISTS, tables.LISTS, list_rows, max(settings.lake_flush, LISTS_FLUSH)),
        StatisticsLoop(
            lake,
            items,
            wiring.published_stats(settings),
            settings.statistics_interval,
            attribution=settings.attribution_hours * 3600,
        ),
        BanditLoop(lake, wiring.bandit_posterior(settings), partial(sole_bandit, settings.home), settings.statistics_interval),
        *learning,
    ]
