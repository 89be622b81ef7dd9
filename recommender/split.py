"""Which users get another release than the production one while a release is let in.

A canary takes the users below its share; after it became production, a hold-back keeps those above another share on the
release of before, as the group to compare with. Both are drawn by the version that is let in: whoever was the first to get it
is the last to lose it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from recommender.experiment import point

CANARY, PREVIOUS, STAGING = "canary", "previous", "staging"
CANARY_SHARE = "canary_share"  # a version's tag: share of the users that get it while it has the alias `canary`, 0 to 1
HOLDBACK_SHARE = "holdback_share"  # a tag of production: share of the users that stay on `previous`; none without the tag
ARMS = {CANARY: "canary", PREVIOUS: "holdback", STAGING: "shadow"}  # what is added to the name of an arm


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the users of each production arm, and the alias of the release that makes their lists."""

    alias: str
    version: str  # that is let in
    low: float
    high: float

    def takes(self, user: int) -> bool:
        """Whether a user (key) is in it."""
        return self.low <= point(f"rollout {self.version}", user) < self.high

    @property
    def share(self) -> float:
        return self.high - self.low


def arm_of(arm: str, alias: str) -> str:
    """The name under which that part of an arm is logged."""
    return f"{arm}-{ARMS[alias]}"


def canary(version: str, tags: Mapping[str, str], first_share: float) -> Part:
    """The canary's part. Somebody may have pointed the alias by hand: then it gets `first_share`."""
    share = _share(tags.get(CANARY_SHARE))
    return Part(CANARY, version, 0.0, first_share if share is None else share)


def holdback(version: str, tags: Mapping[str, str]) -> Part | None:
    """The part that is held back from the production version; None outside probation."""
    share = _share(tags.get(HOLDBACK_SHARE))
    return None if share is None else Part(PREVIOUS, version, 1.0 - share, 1.0)


def _share(text: str | None) -> float | None:
    """What a tag says; None for one that says nothing or nothing that is a share."""
    try:
        share = float(text or "")
    except ValueError:
        return None
    return share if 0 <= share <= 1 else None
