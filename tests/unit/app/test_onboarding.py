"""What a user answered is kept in the lake and online, survives a backfill and an import, and is erased with the user."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
import tiny_release

from app import wiring
from app.usecases import onboarding
from app.usecases.features import backfill, verify
from app.usecases.onboarding import remember
from app.usecases.privacy.erase import erase_everywhere
from app.usecases.privacy.stores import LakeTables, OnlineFeatures
from app.usecases.upserting import upsert, user_changes
from core import columns as c
from core.answers import Answers
from core.errors import IdCollision
from core.features import UserFeatures
from core.ids import ExternalId, original, user_key
from core.items import PROFILE_SCHEMA
from core.settings import Settings
from feature_repo.adapters.memory import MemoryFeatures
from lake.adapters.memory import MemoryLake
from lake.tables import INTERACTIONS, ITEMS, USERS

TOLD = Answers((10, 30), ("War",), (), "25-34")
NEW: list[ExternalId] = [999, "anna@example.com"]


def erase(features: MemoryFeatures, lake: MemoryLake, user: ExternalId) -> int:
    """The lake's rows that were erased."""
    receipt = erase_everywhere([LakeTables(lake), OnlineFeatures(features)], lake, features, user)
    assert receipt.clean
    return receipt.lines[0].found


@pytest.mark.parametrize("user", NEW)
def test_answers_are_in_the_lake_and_online(user: ExternalId) -> None:
    features, lake, key = MemoryFeatures(), MemoryLake(), user_key(user)
    remember(features, lake, user, TOLD)
    known = features.read(key)
    assert known is not None
    assert (known.external_id, Answers.of(known.profile)) == (original(user), TOLD)
    assert lake.read(USERS).rows() == [(key, list(known.profile), original(user) or None)]
    remember(features, lake, user, Answers(genres=("Drama",)))
    assert Answers.of(features.read(key).profile) == Answers(genres=("Drama",))  # type: ignore[union-attr]
    assert len(lake.read(USERS)) == 1


@pytest.mark.parametrize("user", NEW)
def test_a_backfill_brings_them_back_and_erasing_takes_them(tmp_path: Path, user: ExternalId) -> None:
    settings = Settings(home=tmp_path)
    lake, features = wiring.lake(settings), wiring.features(settings)
    lake.replace(ITEMS, tiny_release.catalogue().to_frame())
    lake.append(INTERACTIONS, tiny_release.interactions().with_columns(request_id=pl.lit(None, dtype=pl.String)))
    features.apply()
    remember(features, lake, user, TOLD)
    stored = features.read(user_key(user))
    features.erase(user_key(user))
    backfill(settings, False, lambda _: None)
    again = features.read(user_key(user))
    assert stored is not None
    assert again is not None
    assert (again.profile, again.external_id) == (stored.profile, original(user))
    assert not verify(settings, 100, 0).found
    assert erase(features, lake, user) == 1
    assert features.read(user_key(user)) is None
    backfill(settings, False, lambda _: None)
    assert features.read(user_key(user)) is None


def test_an_import_replaces_what_the_company_knows_and_keeps_what_was_told() -> None:
    features, lake = MemoryFeatures(), MemoryLake()
    lake.append(USERS, pl.DataFrame({c.USER: [7], c.PROFILE: [["job:artist"]]}))
    remember(features, lake, 7, TOLD)
    remember(features, lake, "anna", TOLD)
    rows = {c.USER: [7, user_key("anna")], c.PROFILE: [["age:50"], []]}
    upsert(lake, USERS, c.USER, lambda stored: user_changes(stored, pl.DataFrame(rows, schema=PROFILE_SCHEMA)), dry_run=False)
    after = {key: (profile, name) for key, profile, name in lake.read(USERS).iter_rows()}
    assert after == {7: (["age:50", *TOLD.tokens()], None), user_key("anna"): (list(TOLD.tokens()), "anna")}


def test_an_event_that_is_folded_in_meanwhile_is_not_lost_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """The consumer read the user before the answers and writes after them: the answers are written again."""
    features, lake = MemoryFeatures(), MemoryLake()
    late = [UserFeatures(7, n_events=1)]
    monkeypatch.setattr(onboarding.time, "sleep", lambda _: features.write([late.pop()]) if late else None)
    remember(features, lake, 7, TOLD)
    known = features.read(7)
    assert known is not None
    assert (known.n_events, Answers.of(known.profile)) == (1, TOLD)


def test_the_second_of_two_users_whose_keys_collide_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    features, lake = MemoryFeatures(), MemoryLake()
    remember(features, lake, "anna", TOLD)
    key = user_key("anna")
    monkeypatch.setattr(onboarding, "user_key", lambda _: key)
    with pytest.raises(IdCollision):
        remember(features, lake, "ben", TOLD)
    assert len(lake.read(USERS)) == 1
