"""DELETE /users: whoever has the key is erased, and nobody else."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from app.usecases import erasing
from app.usecases.privacy.erase import erase_everywhere
from app.usecases.privacy.stores import LakeTables, OnlineFeatures
from core.errors import IdCollision
from core.features import UserFeatures
from core.ids import ExternalId, original, user_key
from feature_repo.adapters.memory import MemoryFeatures
from lake.adapters.memory import MemoryLake
from lake.tables import INTERACTIONS
from serving.http.problems import of_error
from serving.models import Problem

FIRST, SECOND = "anna@example.com", "ben/7"


def erase(features: MemoryFeatures, lake: MemoryLake, user: ExternalId) -> int:
    """The lake's rows that were erased."""
    receipt = erase_everywhere([LakeTables(lake), OnlineFeatures(features)], lake, features, user)
    assert receipt.clean
    return receipt.lines[0].found


def world(user: ExternalId, in_store: bool = True) -> tuple[MemoryFeatures, MemoryLake]:
    """One user with features (where `in_store`) and two lake rows."""
    features, lake, key = MemoryFeatures(), MemoryLake(), user_key(user)
    if in_store:
        features.write([UserFeatures(key, external_id=original(user))])
    event: dict[str, Any] = {"user_id": key, "item_id": 1, "kind": "view", "value": None, "ts": 1.7e9, "request_id": None}
    rows = [event | {"event_id": f"e{n}", "log_offset": n, "external_user": original(user) or None} for n in range(2)]
    lake.append(INTERACTIONS, pl.DataFrame(rows, schema_overrides={"value": pl.Float64, "external_user": pl.String}))
    return features, lake


@pytest.mark.parametrize("in_store", [True, False])
@pytest.mark.parametrize("user", [7, FIRST])
def test_a_user_is_erased(user: ExternalId, in_store: bool) -> None:
    features, lake = world(user, in_store)
    assert erase(features, lake, user) == 2
    assert features.read(user_key(user)) is None
    assert erase(features, lake, user) == 0


@pytest.mark.parametrize("user", [8, SECOND])
def test_a_stranger_has_nothing_to_erase(user: ExternalId) -> None:
    features, lake = world(FIRST)
    assert erase(features, lake, user) == 0
    assert erase(MemoryFeatures(), MemoryLake(), user) == 0
    assert len(lake.read(INTERACTIONS)) == 2


@pytest.mark.parametrize("in_store", [True, False])
def test_the_second_of_two_users_whose_keys_collide_erases_nothing(monkeypatch: pytest.MonkeyPatch, in_store: bool) -> None:
    """Also when the features of the first expired: the lake still knows whose key it is."""
    features, lake = world(FIRST, in_store)
    key = user_key(FIRST)
    monkeypatch.setattr(erasing, "user_key", lambda _: key)
    with pytest.raises(IdCollision, match="'ben/7' has the key of another id") as raised:
        erase(features, lake, SECOND)
    assert (features.read(key) is not None) == in_store
    assert len(lake.read(INTERACTIONS)) == 2
    answer = Problem.model_validate_json(of_error(raised.value, "id-1").body)
    assert (answer.status, answer.errors[0].field, answer.errors[0].value) == (409, "user_id", SECOND)  # type: ignore[index]
    assert erase(features, lake, FIRST) == 2
