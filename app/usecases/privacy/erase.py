"""Erasing a user everywhere, with a receipt; and looking whether anything is left."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from app.usecases.erasing import require_own_key
from app.usecases.privacy.stores import Features, Store
from app.usecases.privacy.subject import Subject
from core.ids import ExternalId
from core.ports import Clock
from lake.erased_users import remember_erased
from lake.ports import Lake


@dataclass(frozen=True)
class Line:
    """One store: records that were there, that are there now, and why those stay."""

    store: str
    found: int
    left: int
    stays: str = ""


@dataclass(frozen=True)
class PrivacyReceipt:
    """What an erasure did."""

    user: ExternalId
    at: float  # Unix seconds
    lines: Sequence[Line]

    @property
    def clean(self) -> bool:
        """Whether nothing that can be taken out is left."""
        return not any(line.left for line in self.lines)

    def as_json(self) -> dict[str, object]:
        """As `serving.models.Erased`."""
        return {"user_id": self.user, "at": self.at, "clean": self.clean, "stores": [asdict(line) for line in self.lines]}


def find(stores: Sequence[Store], user: ExternalId, clock: Clock = time.time) -> PrivacyReceipt:
    """What each store has of a user. Nothing is changed."""
    subject = Subject(user)
    counted = [(store, store.count(subject)) for store in stores]
    return PrivacyReceipt(user, clock(), [Line(store.name, found, found, store.stays) for store, found in counted])


def erase_everywhere(
    stores: Sequence[Store], lake: Lake, features: Features, user: ExternalId, clock: Clock = time.time
) -> PrivacyReceipt:
    """Take a user out of every store, and look again. From now on events of before are forgotten, whenever they are read.

    Raises IdCollision, and erases nothing, where the user's key belongs to another one; DependencyUnavailable where a store does
    not answer, and then the same call finishes the work.
    """
    subject = Subject(user)
    require_own_key(features, lake, user)
    remember_erased(lake, subject.key, clock)
    found = [store.erase(subject) for store in stores]
    left = [store.count(subject) for store in stores]
    lines = [Line(store.name, was, now, store.stays) for store, was, now in zip(stores, found, left, strict=True)]
    return PrivacyReceipt(user, clock(), lines)
