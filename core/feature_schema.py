"""The features that a release uses, described so that a release built by older code can be checked against this code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from core.features import HISTORY_LENGTH, USER_SCHEMA
from core.kinds import KINDS


@dataclass(frozen=True)
class FeatureSchema:
    """Features that code computes, or that a release uses."""

    user: tuple[str, ...]  # user features as name:type
    history: int  # events of a user's history
    kinds: tuple[str, ...]  # event kinds by code
    candidate: tuple[str, ...]  # names of the ranker's columns

    @classmethod
    def of(cls, candidate_features: Sequence[str]) -> FeatureSchema:
        """What this code computes, with these columns for the ranker."""
        return cls(USER_SCHEMA, HISTORY_LENGTH, tuple(kind.value for kind in KINDS), tuple(candidate_features))

    @property
    def digest(self) -> str:
        """Twelve hex digits that name the schema."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]

    def missing(self, used: FeatureSchema) -> list[str]:
        """What a release with the schema `used` needs and this one does not compute; empty if the release fits.

        A type counts as much as a name, a kind must have the code that the release learned, and a shorter history is a part
        of a longer one. What this schema has beyond that does no harm.
        """
        missing = [f"user feature {feature}" for feature in used.user if feature not in self.user]
        if used.history > self.history:
            missing.append(f"a history of {used.history} events (here {self.history})")
        for code, kind in enumerate(used.kinds):
            if self.kinds[code : code + 1] != (kind,):
                missing.append(f"event kind {kind} with code {code}")
        return missing + [f"candidate feature {name}" for name in used.candidate if name not in self.candidate]


# Releases up to version 0.1 name their schema by its digest alone, and there was only this one: written out, never changed.
LEGACY = FeatureSchema(
    user=(
        "item_ids:int64[]", "kinds:int64[]", "values:float32[]", "times:float64[]", "genres:string[]", "genre_weights:float32[]",
        "n_events:int64", "rating_count:int64", "rating_sum:float64", "last_seen:float64", "consumed:int64[]",
        "profile:string[]", "applied_offset:int64",
    ),
    history=200,
    kinds=(
        "view", "click", "watch", "rating", "purchase", "watchlist_add", "watchlist_remove", "search", "review", "skip",
    ),
    candidate=(
        "retrieval_score", "retrieval_reciprocal_rank", "log_popularity", "log_recent_popularity", "rating_mean", "film_year",
        "genre_affinity", "recent_genre_overlap", "cosine_last", "cosine_recent", "cosine_liked", "popularity_gap", "year_gap",
        "user_log_events", "user_rating_mean", "item_is_cold",
    ),
)  # fmt: skip
