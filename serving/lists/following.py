"""One item followed through one request, as the JSON that the API answers with."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ranking.reasons import Explanation
from recommender.fate import Fate
from recommender.recommender import Recommender
from recommender.roles import Query, Selection
from serving.lists.rendering import reasons


@dataclass(frozen=True)
class FollowedItem:
    """What became of an item, why it would be there, and who would have shown it."""

    query: Query
    by: Recommender
    item: int  # key
    fate: Fate
    because: list[Explanation]

    def as_json(self) -> dict[str, Any]:
        facts, fate = self.by.snapshot.facts, self.fate
        at = facts.row(self.item)
        return {
            "user_id": self.query.shown_user,
            "item_id": facts.id_of(self.item),
            "title": facts.title(at) if at >= 0 else "",
            "shown": fate.position is not None and fate.position >= self.query.page.offset,
            "stage": fate.stage,
            "part": fate.part,
            "text": fate.text,
            "position": fate.position,
            "rank": fate.rank,
            "score": fate.score,
            "sources": [asdict(one) for one in fate.sources],
            "reasons": reasons(self.because, facts),
            "model_version": self.by.snapshot.name,
            "policy": self.by.policy.id,
            "arm": self.query.context.arm,
        }


def follow(by: Recommender, query: Query, item: int) -> FollowedItem:
    """CPU-bound. An item that was scored has reasons as well, shown or not. Raises DependencyUnavailable."""
    fate = by.fate(query, item)
    because = by.reasons.explain(query, _alone(by, item, fate))[0] if fate.score is not None else []
    return FollowedItem(query, by, item, fate, because)


def _alone(by: Recommender, item: int, fate: Fate) -> Selection:
    """A list of that item."""
    sources = tuple(one.part for one in fate.sources)
    return Selection(
        rows=by.snapshot.catalogue.rows([item]),
        scores=np.array([fate.score], dtype=np.float32),
        propensities=np.ones(1, dtype=np.float32),
        explored=np.zeros(1, dtype=np.bool_),
        sources=sources,
        found=np.array([[one.found for one in fate.sources]], dtype=np.bool_),
    )
