"""The ledger's chain holds with any number of writers, shows every tampering, and loses no note while the lake is away."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

from lake.adapters.delta import DeltaLake
from lake.adapters.memory import MemoryLake
from lake.ports import Lake
from lake.tables import LEDGER
from lifecycle.ledger import LedgerUnavailable, PromotionLedger
from lifecycle.ledger_entries import Action, Note, canonical

WRITER = """
import sys
from pathlib import Path
from lake.adapters.delta import DeltaLake
from lifecycle.ledger import PromotionLedger
from lifecycle.ledger_entries import Action, Note
ledger = PromotionLedger(DeltaLake(Path(sys.argv[1])), Path(sys.argv[2]))
for n in range(5):
    ledger.append(Note(Action.REGISTERED, sys.argv[3], str(n), 1.7e9 + n))
"""


def note(version: str, action: Action = Action.PROMOTED) -> Note:
    return Note(action, "cli:ann", version, 1.7e9 + float(version), f"r{version}", "production", evidence=canonical({"a": 1.0}))


@pytest.fixture(params=["delta", "memory"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    return DeltaLake(tmp_path / "lake") if request.param == "delta" else MemoryLake()


@pytest.fixture
def ledger(lake: Lake, tmp_path: Path) -> PromotionLedger:
    return PromotionLedger(lake, tmp_path / "ledger")


def test_entries_are_read_back_as_they_were_written(ledger: PromotionLedger) -> None:
    assert ledger.entries() == []
    assert ledger.verify() is None
    written = ledger.append(note("1"), note("2")) + ledger.append(note("3", Action.REFUSED))
    assert ledger.entries() == written
    assert [entry.number for entry in written] == [1, 2, 3]
    assert [entry.note for entry in written] == [note("1"), note("2"), note("3", Action.REFUSED)]
    assert ledger.verify() is None


Tamper = Callable[[pl.DataFrame], pl.DataFrame]
CHANGED: Tamper = lambda rows: rows.with_columns(why=pl.when(number=2).then(pl.lit("no")).otherwise("why"))  # noqa: E731
REMOVED: Tamper = lambda rows: rows.filter(pl.col("number") != 2)  # noqa: E731
SWAPPED: Tamper = lambda rows: rows.with_columns(number=pl.col("number").replace({2: 3, 3: 2}))  # noqa: E731
CUT_OFF: Tamper = lambda rows: rows.filter(pl.col("number") < 4)  # noqa: E731


@pytest.mark.parametrize(("tamper", "number"), [(CHANGED, 2), (REMOVED, 2), (SWAPPED, 2), (CUT_OFF, 4)])
def test_the_first_broken_link_is_found(lake: Lake, ledger: PromotionLedger, tamper: Tamper, number: int) -> None:
    ledger.append(*map(note, "1234"))
    lake.replace(LEDGER, tamper(lake.read(LEDGER)))
    found = ledger.verify()
    assert found is not None
    assert found.number == number
    ledger.append(note("5"))  # goes on record all the same, and hides nothing
    again = ledger.verify()
    assert again is not None
    assert again.number == number


def test_a_chain_that_was_made_anew_is_found(lake: Lake, ledger: PromotionLedger, tmp_path: Path) -> None:
    ledger.append(*map(note, "123"))
    lake.replace(LEDGER, lake.read(LEDGER).clear())
    PromotionLedger(lake, tmp_path / "forger").append(*map(note, "1243"))
    found = ledger.verify()
    assert found is not None
    assert found.number == 3
    assert "made anew" in found.why


def test_threads_and_processes_never_fork_the_chain(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    command = [sys.executable, "-c", WRITER, str(lake)]
    children = [subprocess.Popen([*command, str(tmp_path / f"machine{n}"), f"child{n}"]) for n in range(2)]
    ledger = PromotionLedger(DeltaLake(lake), tmp_path / "ledger")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(ledger.append, map(note, "12345678")))
    assert [child.wait(60) for child in children] == [0, 0]
    entries = ledger.entries()
    assert [entry.number for entry in entries] == list(range(1, 19))
    assert len({entry.note for entry in entries}) == 18
    assert ledger.verify() is None


def test_while_the_lake_is_away_a_note_waits_and_is_written_before_the_next(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = PromotionLedger(DeltaLake(tmp_path / "lake"), tmp_path / "ledger")
    (tmp_path / "lake").write_text("a file where the folder should be")
    with pytest.raises(LedgerUnavailable, match="promotion ledger is unavailable"):
        ledger.append(note("1"))
    ledger.append_or_keep(note("2", Action.ROLLED_BACK))
    assert "on record once it is back" in caplog.text
    with pytest.raises(LedgerUnavailable):
        ledger.write_kept()
    (tmp_path / "lake").unlink()
    [entry] = ledger.append(note("3"))
    assert entry.number == 2
    assert [one.note for one in ledger.entries()] == [note("2", Action.ROLLED_BACK), note("3")]
    ledger.write_kept()
    assert len(ledger.entries()) == 2
    assert ledger.verify() is None


def test_what_can_be_kept_nowhere_is_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("lake", "ledger"):
        (tmp_path / name).write_text("a file where the folder should be")
    PromotionLedger(DeltaLake(tmp_path / "lake"), tmp_path / "ledger").append_or_keep(note("2"))
    assert "not on record" in caplog.text
    assert '"version":"2"' in caplog.text


def test_json_has_no_numbers_that_it_does_not_know() -> None:
    assert canonical({"b": [float("nan"), 1.5], "a": {"x": float("inf")}}) == '{"a":{"x":null},"b":[null,1.5]}'
