"""Every list that is shown is logged with the propensities that evaluation needs."""

from __future__ import annotations

import orjson

from core.ports import Record
from recommender.recommender import RecommendationResult
from serving.lists.write_behind import WriteBehind

LOG_IMPRESSIONS = "log_impressions"


class LogImpressions:
    """Hands one `core.events.ShownPage` to the log's writer, which makes it durable a moment later."""

    name = LOG_IMPRESSIONS

    def __init__(self, writer: WriteBehind) -> None:
        self._writer = writer

    def run(self, made: RecommendationResult) -> None:
        """Raises DependencyUnavailable when the writer's queue is full."""
        if len(made.selection):
            self._writer.submit([record_of(made)])


def record_of(made: RecommendationResult) -> Record:
    """The page as the log keeps it. Its values are ours, so nothing is validated: its readers do that."""
    query, chosen, facts = made.query, made.selection, made.snapshot.facts
    page = {
        "schema_version": 4,
        "request_id": query.request_id,
        "user_id": query.shown_user,
        "policy": chosen.policy_id,
        "arm": query.context.arm,
        "model_version": made.snapshot.name,
        "ts": query.now,
        "offset": query.page.offset,
        "item_ids": [facts.id_of(key) for key in made.snapshot.catalogue.ids[chosen.rows].tolist()],
        "propensities": chosen.propensities.tolist(),
        "scores": chosen.scores.tolist(),
        "explored": chosen.explored.tolist(),
        "labels": [label or None for label in chosen.labels] if chosen.labels else None,
    }
    return Record(str(query.shown_user), f"{query.request_id}:{query.page.offset}", orjson.dumps(page))
