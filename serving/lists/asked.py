"""What a first page is asked for with."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from core.ids import ExternalId, user_key
from recommender.recommender import RecommendationResult
from recommender.roles import Constraints, Page


class Form(Protocol):
    """How a list is sent. Two of the same form are equal."""

    def render(self, made: RecommendationResult) -> bytes: ...

    def of_before(self, body: bytes) -> bytes:
        """The same list, said to be one of before."""


class Asked(NamedTuple):
    """All that a first page depends on that its request says."""

    user: ExternalId
    page: Page
    constraints: Constraints
    form: Form

    @property
    def key(self) -> int:
        """The user's."""
        return user_key(self.user)
