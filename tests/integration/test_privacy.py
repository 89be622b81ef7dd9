"""A user who is planted in every store is found there, and nowhere after the erasure: in no table, and in no byte of the home."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from app import console, wiring
from app.cli import app
from app.usecases.lake_content import HELD_OUT
from app.usecases.privacy.erase import erase_everywhere, find
from app.usecases.privacy.inventory import FOLDERS_OF_USERS, WITHOUT_USERS, inventory
from core import columns as c
from core.deadletter import DeadLetter, to_record
from core.events import DEADLETTER, IMPRESSIONS, INTERACTIONS
from core.features import UserFeatures
from core.ids import ExternalId, original, user_key
from core.ports import LoggedRecord, Record
from core.settings import FOLDERS, Settings
from lake import tables
from lake.erased_users import ErasedUsers
from serving.gorse.records import Feedback, User
from serving.gorse.store import RECORDS, GorseStore
from serving.intake.outbox import Outbox
from streaming.decoding import Contract, IntegerKeys, decode_all

ANNA, NUMBER, OTHER = "anna.planted@example.com", 8_675_309, "ben@example.com"
NOW = 1_790_000_000.0


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def features(settings: Settings) -> Iterator[object]:
    with closing(wiring.features(settings)) as store:
        store.apply()
        yield store


def event(user: ExternalId, name: str) -> bytes:
    return json.dumps({"event_id": name, "user_id": user, "item_id": 1, "kind": "view", "ts": NOW}).encode()


def plant(settings: Settings, features, user: ExternalId) -> None:
    """Something of the user in every store."""
    key, name = user_key(user), str(user)
    features.write([UserFeatures(key, external_id=original(user), n_events=1)])
    features.write_offline([UserFeatures(key, external_id=original(user), n_events=1, last_seen=NOW)])
    lake = wiring.lake(settings)
    row = {c.EVENT_ID: f"e-{name}", c.USER: key, c.ITEM: 1, c.KIND: "view", c.VALUE: None, c.TS: NOW, c.REQUEST_ID: None}
    rows = pl.DataFrame([row | {c.OFFSET: at, c.EXTERNAL_USER: original(user) or None} for at in (1, 2)])
    rows = rows.cast({c.VALUE: pl.Float64, c.REQUEST_ID: pl.String, c.EXTERNAL_USER: pl.String})
    lake.append(tables.INTERACTIONS, rows)
    lake.upsert(tables.USERS, pl.DataFrame({c.USER: [key], c.PROFILE: [["age:25"]], c.EXTERNAL_USER: [original(user)]}), [c.USER])
    held_out = settings.folder("lake") / HELD_OUT
    before = [pl.read_parquet(held_out)] if held_out.is_file() else []
    pl.concat([*before, rows]).write_parquet(held_out)
    letter = DeadLetter(INTERACTIONS, "unknown_item", "item 9 is not in the catalogue", event(user, f"d-{name}"), NOW)
    log = wiring.event_log(settings)
    log.append(INTERACTIONS, [Record(name, f"l-{name}", event(user, f"l-{name}"))])
    log.append(IMPRESSIONS, [Record(name, f"p-{name}", json.dumps({"user_id": user, "item_ids": [1]}).encode())])
    log.append(DEADLETTER, [to_record(letter)])
    log.close()
    outbox = Outbox(settings.folder("events") / "outbox.db", 100)
    outbox.put(INTERACTIONS, [Record(name, f"o-{name}", event(user, f"o-{name}"))], NOW)
    outbox.quarantine(outbox.oldest(1)[0].place, "it cannot be delivered")
    store = GorseStore(settings.folder("gorse") / RECORDS)
    store.put_users([User(name, ["a label"], "")])
    store.put_feedback([Feedback("like", name, "1", 1.0, NOW, "", NOW)], overwrite=True)
    store.close()
    folder = settings.folder("quarantine")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "import.jsonl").open("a") as lines:
        lines.write(json.dumps({"file": "plays.csv", "line": 7, "row": f"{name},film,soon", "reason": "no time"}) + "\n")


def test_every_folder_of_the_home_is_in_the_inventory(settings: Settings, features) -> None:
    assert set(FOLDERS_OF_USERS) | set(WITHOUT_USERS) == set(FOLDERS)
    assert not set(FOLDERS_OF_USERS) & set(WITHOUT_USERS)
    named = [name for names in FOLDERS_OF_USERS.values() for name in names]
    assert sorted(named) == sorted(store.name for store in inventory(settings, wiring.lake(settings), features))


@pytest.mark.parametrize("user", [ANNA, NUMBER])
def test_who_is_planted_everywhere_is_nowhere_afterwards(settings: Settings, features, user: ExternalId) -> None:
    lake = wiring.lake(settings)
    stores = inventory(settings, lake, features)
    for one in (user, OTHER):
        plant(settings, features, one)
    assert [line.store for line in find(stores, user).lines if not line.found] == [], "what is not found cannot be erased"
    others = find(stores, OTHER).lines
    receipt = erase_everywhere(stores, lake, features, user)
    assert receipt.clean
    assert all(line.found for line in receipt.lines)
    assert all(line.left == 0 for line in find(stores, user).lines)
    assert find(stores, OTHER).lines == others, "nobody else is touched"
    assert features.latest_offline([])[c.USER].to_list() == [user_key(OTHER)]
    if isinstance(user, str):
        holding = [path for path in settings.home.rglob("*") if path.is_file() and user.encode() in path.read_bytes()]
        assert not [path for path in holding if path.suffix != ".json"], "but for statistics in the lake's commit log"


def test_events_of_before_are_forgotten_and_a_user_may_come_back(settings: Settings, features) -> None:
    lake = wiring.lake(settings)
    plant(settings, features, ANNA)
    erased = ErasedUsers(lake, 0.0)
    contract = Contract(IntegerKeys(frozenset({1})), forgets=erased.forgets)
    late = LoggedRecord(INTERACTIONS, 0, 7, ANNA, "late", event(ANNA, "late"), NOW)
    assert [len(part) for part in decode_all([late], contract, NOW)] == [1, 0]
    erase_everywhere(inventory(settings, lake, features), lake, features, ANNA, clock=lambda: NOW + 1)
    again = event(ANNA, "new").replace(str(NOW).encode(), str(NOW + 5).encode())
    new = LoggedRecord(INTERACTIONS, 0, 8, ANNA, "new", again, NOW + 5)
    assert [one.event.event_id for one in decode_all([late, new], contract, NOW + 5)[0]] == ["new"]
    assert ANNA not in str(lake.read(tables.ERASED).to_dicts())


def test_the_commands_ask_say_and_prove(settings: Settings, features, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARQUEE_HOME", str(settings.home))
    console.settings.cache_clear()
    plant(settings, features, ANNA)
    run = CliRunner().invoke
    assert run(app, ["privacy", "verify", ANNA]).exit_code == 1
    dry = run(app, ["privacy", "erase", ANNA, "--dry-run"])
    assert (dry.exit_code, "nothing was erased" in dry.output) == (0, True)
    assert run(app, ["privacy", "erase", ANNA], input="n\n").exit_code == 1
    assert run(app, ["privacy", "verify", ANNA]).exit_code == 1, "without a yes nothing happens"
    done = run(app, ["privacy", "erase", ANNA, "--yes"])
    assert done.exit_code == 0, done.output
    assert run(app, ["privacy", "verify", ANNA]).exit_code == 0
    assert run(app, ["privacy", "erase", "\x00", "--yes"]).exit_code == 2
    console.settings.cache_clear()
