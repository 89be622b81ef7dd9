"""What a request may need, and who sent it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.ids import ExternalId, user_key
from serving.access.refusals import Forbidden


class Scope(StrEnum):
    """What a route needs. `admin` includes the other two."""

    READ = "read"  # lists, histories, the catalogue
    EVENTS = "events"  # sending what users did, and what new ones say that they like
    ADMIN = "admin"  # changing and erasing, experiments, retraining, where a list came from


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request. `name` is for the audit log and the rate limit; None where nobody said who they are."""

    name: str | None
    scopes: frozenset[Scope]
    user: ExternalId | None = None  # the only user whose data it may see and send; None: everybody's
    per_minute: int | None = None  # its own rate limit, in requests; None: that of the settings

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def may_touch(self, user: ExternalId) -> bool:
        """Whether it may read and write a user's data."""
        return self.user is None or user_key(self.user) == user_key(user)

    def require_touch(self, user: ExternalId) -> None:
        """Raises Forbidden where it may not."""
        if not self.may_touch(user):
            raise Forbidden("a user's token is for the data of that user alone")


ANYBODY = Caller(None, frozenset((Scope.READ, Scope.EVENTS)))
OPERATOR = Caller("admin key", frozenset(Scope))
