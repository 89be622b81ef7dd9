"""What a list was made from, for its record: enough to draw it again (`recommender.provenance`)."""

from __future__ import annotations

from base64 import b64encode

from core.events import MadeFrom
from feature_repo.record import pack
from recommender.recommender import RecommendationResult


def made_from(made: RecommendationResult, code_version: str) -> MadeFrom | None:
    """None for a list that no selector drew."""
    reach, query, now = made.selection.reach, made.query, made.snapshot
    if reach is None:
        return None
    return MadeFrom(
        policy=made.selection.policy_id,
        code_version=code_version,
        seed=f"{query.seed:016x}",
        size=query.page.size,
        offset=query.page.offset,
        statistics_as_of=now.stats.as_of,
        learned_version=now.learned_version,
        features=None if query.user is None else b64encode(pack(query.user)).decode(),
        drawn_from=b64encode(reach.packed(now.catalogue)).decode(),
    )
