"""Erasing a user, after checking that the user's key is not another user's."""

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
    """What erasing needs of the feature store."""

    def read(self, user_id: int) -> UserFeatures | None: ...

    def erase(self, user_id: int) -> None: ...


def erase(features: Features, lake: Lake, user: ExternalId) -> int:
    """Forget a user's features and lake rows; returns the number of rows. A user never seen has none.

    Raises IdCollision, and erases nothing, where the user's key belongs to another one.
    """
    key = user_key(user)
    owner = _owner(features, lake, key) if original(user) else None  # an integer is its own key and collides with none
    if owner is not None and owner != original(user):
        raise IdCollision("user_id", user)
    features.erase(key)
    return lake.forget_user(key)


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
