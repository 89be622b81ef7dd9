"""Before a user is erased: whether the user's key is not another user's."""

from __future__ import annotations

from typing import Protocol

import polars as pl

from core import columns as c
from core.errors import IdCollision
from core.features import UserFeatures
from core.ids import ExternalId, original, user_key
from lake.ports import Lake
from lake.tables import INTERACTIONS, owned


class Features(Protocol):
    """What is asked of the feature store."""

    def read(self, user_id: int) -> UserFeatures | None: ...


def require_own_key(features: Features, lake: Lake, user: ExternalId) -> None:
    """Raises IdCollision where the user's key belongs to another user, who came earlier."""
    owner = _owner(features, lake, user_key(user)) if original(user) else None  # an integer is its own key and collides with none
    if owner is not None and owner != original(user):
        raise IdCollision("user_id", user)


def _owner(features: Features, lake: Lake, key: int) -> str | None:
    """The id of the user with this key; None if there is none. When the features have expired, the lake still has it."""
    known = features.read(key)
    if known is not None:
        return known.external_id
    added = lake.follow(INTERACTIONS, [c.USER, c.EXTERNAL_USER, c.OFFSET, c.TS]).look()
    if added is None:
        return None
    rows = owned(added.rows.filter(pl.col(c.USER) == key))
    return rows[c.EXTERNAL_USER][0] if len(rows) else None
