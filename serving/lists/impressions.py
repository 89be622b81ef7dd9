"""Every list that is shown is logged with the propensities that evaluation needs."""

from __future__ import annotations

from core.events import Impression
from core.ports import Record
from recommender.recommender import RecommendationResult
from serving.lists.write_behind import WriteBehind

LOG_IMPRESSIONS = "log_impressions"


class LogImpressions:
    """Hands one Impression per position to the log's writer, which makes them durable a moment later."""

    name = LOG_IMPRESSIONS

    def __init__(self, writer: WriteBehind) -> None:
        self._writer = writer

    def run(self, made: RecommendationResult) -> None:
        """Raises DependencyUnavailable when the writer's queue is full."""
        query, chosen = made.query, made.selection
        if not len(chosen):
            return
        items = [made.snapshot.facts.id_of(key) for key in made.snapshot.catalogue.ids[chosen.rows].tolist()]
        labels = chosen.labels or ("",) * len(chosen)
        columns = (items, chosen.propensities.tolist(), chosen.scores.tolist(), chosen.explored.tolist(), labels)
        impressions = [
            Impression(
                request_id=query.request_id,
                user_id=query.shown_user,
                item_id=item_id,
                position=position,
                propensity=propensity,
                score=score,
                policy=chosen.policy_id,
                arm=query.context.arm,
                model_version=made.snapshot.name,
                ts=query.now,
                explored=explored,
                label=label or None,
            )
            for position, (item_id, propensity, score, explored, label) in enumerate(
                zip(*columns, strict=True), query.page.offset
            )
        ]
        key = str(query.shown_user)
        self._writer.submit([Record(key, i.event_id, i.model_dump_json().encode()) for i in impressions])
