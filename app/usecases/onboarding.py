"""Storing what a new user answered: in the lake first, so that a backfill brings it back, then online for the next list."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import polars as pl

from core import columns as c
from core.answers import Answers, with_answers
from core.errors import IdCollision
from core.features import UserFeatures
from core.ids import ExternalId, original, user_key
from lake.ports import Lake
from lake.tables import USERS

_TRIES, _PAUSE = 3, 0.02  # looks, and seconds between them: the consumer may write the user's features at the same moment


class OnlineFeatures(Protocol):
    """What storing answers needs of the feature store."""

    def read(self, user_id: int) -> UserFeatures | None: ...

    def write(self, users: Sequence[UserFeatures]) -> None: ...


def remember(features: OnlineFeatures, lake: Lake, user: ExternalId, answers: Answers) -> None:
    """Keep answers in the place of earlier ones. Raises IdCollision, DependencyUnavailable, StorageFull."""
    key, name = user_key(user), original(user)
    known = features.read(key)
    if known is not None and known.external_id != name:
        raise IdCollision("user_id", user)
    profile = _stored(lake, key, name, answers)
    for _ in range(_TRIES):
        now = features.read(key) or UserFeatures(key, external_id=name)
        if now.profile == profile:
            return
        features.write([replace(now, profile=profile)])
        time.sleep(_PAUSE)


def _stored(lake: Lake, key: int, name: str, answers: Answers) -> tuple[str, ...]:
    """The user's profile as the lake has it from now on."""
    profile: tuple[str, ...] = ()

    def revision(stored: pl.DataFrame) -> pl.DataFrame:
        nonlocal profile
        rows = stored.filter(pl.col(c.USER) == key)
        profile = with_answers(rows[c.PROFILE][0].to_list() if len(rows) else (), answers)
        columns = {c.USER: [key], c.PROFILE: [list(profile)], c.EXTERNAL_USER: [name or None]}
        return pl.DataFrame(columns, schema_overrides={c.PROFILE: pl.List(pl.String), c.EXTERNAL_USER: pl.String})

    lake.revise(USERS, revision, [c.USER])
    return profile
