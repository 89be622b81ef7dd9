"""The promotion ledger: who did what to which release, why and on what evidence; append-only, and chained by hashes.

It is a table of the lake, so that every machine has the same one. Two writers never fork the chain, because the lake commits
an append onto the very rows that it was made from. Each machine also remembers the last entry that it saw, because a chain
alone does not show that its end was cut off.
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl

from core import columns as c
from core.errors import DependencyUnavailable, MarqueeError
from core.ports import Clock
from lake.ports import Lake
from lake.tables import LEDGER, SCHEMAS, read_or_empty
from lifecycle.ledger_entries import BrokenLink, LedgerEntry, Note, first_break

HEAD = "head.json"  # the last entry that this machine saw: [number, hash]
PENDING = "pending"  # notes that could not be written yet, a file each
_COMPACT_EVERY = 50  # entries; each append is a small file
_REMEDY = "make the lake writable again (docs/runbook.md#promotion-ledger)"
_log = logging.getLogger(__name__)


class LedgerUnavailable(DependencyUnavailable):
    """The promotion ledger cannot be read or written, so nothing that has to be on record is done."""

    slug = "ledger-unavailable"
    title = "The promotion ledger is unavailable"


class LedgerBroken(MarqueeError):
    """The chain of the ledger does not hold: an entry was changed, removed or put elsewhere."""

    status = 500
    slug = "ledger-broken"
    title = "The promotion ledger was tampered with"

    def __init__(self, link: BrokenLink) -> None:
        super().__init__(f"entry {link.number}: {link.why}; see docs/runbook.md#promotion-ledger", entry=link.number)


class PromotionLedger:
    """The ledger of an installation. `folder` is this machine's own part of it."""

    def __init__(self, lake: Lake, folder: Path, clock: Clock = time.time) -> None:
        self._lake = lake
        self._folder = folder
        self.clock = clock

    def entries(self) -> list[LedgerEntry]:
        """All entries, by number. Raises LedgerUnavailable."""
        try:
            return _parsed(read_or_empty(self._lake, LEDGER))
        except DependencyUnavailable as error:
            raise LedgerUnavailable("the promotion ledger", error.detail, _REMEDY) from error

    def version(self) -> int:
        """Grows with every write, -1 before the first: whether anything is new. Raises LedgerUnavailable."""
        try:
            return self._lake.version(LEDGER)
        except DependencyUnavailable as error:
            raise LedgerUnavailable("the promotion ledger", error.detail, _REMEDY) from error

    def append(self, *notes: Note) -> list[LedgerEntry]:
        """Write these notes, after those that could not be written before; returns their entries. Raises LedgerUnavailable."""
        return self.extend(lambda _: notes)

    def extend(self, notes_after: Callable[[Sequence[LedgerEntry]], Sequence[Note]]) -> list[LedgerEntry]:
        """Write what `notes_after` makes of the entries as they are at the moment of the write; returns the new entries.

        If another process writes meanwhile, it is asked again with what that one left. Notes that were kept come first.
        Raises LedgerUnavailable.
        """
        kept = self._kept()
        chain: list[LedgerEntry] = []
        new: list[LedgerEntry] = []

        def revised(rows: pl.DataFrame) -> pl.DataFrame:
            chain[:] = known = _parsed(rows)
            there = {entry.note for entry in known}  # a process may have died between writing a kept note and forgetting it
            _extend(chain, [note for note in kept.values() if note not in there])
            before = len(chain)
            _extend(chain, notes_after(tuple(chain)))
            new[:] = chain[before:]
            return pl.DataFrame([entry.to_row() for entry in chain[len(known) :]], schema=SCHEMAS[LEDGER])

        try:
            self._lake.revise(LEDGER, revised, [c.NUMBER])
        except DependencyUnavailable as error:
            raise LedgerUnavailable("the promotion ledger", error.detail, _REMEDY) from error
        for path in kept:
            path.unlink(missing_ok=True)
        if first_break(chain) is None and self._lost(chain) is None:
            self._remember(chain)
        if any(entry.number % _COMPACT_EVERY == 0 for entry in new):
            self._lake.compact(LEDGER)
        return list(new)

    def append_or_keep(self, note: Note) -> None:
        """Write a note of what happens in any case; while the ledger is unavailable it waits on disk, with a warning."""
        try:
            self.append(note)
        except LedgerUnavailable as error:
            self._keep(note, error)

    def write_kept(self) -> None:
        """Write the notes that wait. Raises LedgerUnavailable."""
        if self._kept():
            self.append()

    def verify(self) -> BrokenLink | None:
        """The first entry at which the chain does not hold, or None. Raises LedgerUnavailable."""
        entries = self.entries()
        found = first_break(entries) or self._lost(entries)
        if found is None:
            self._remember(entries)
        return found

    def _lost(self, entries: Sequence[LedgerEntry]) -> BrokenLink | None:
        """Whether the entry that this machine saw last is still there."""
        head = self._head()
        if head is None:
            return None
        number, digest = head
        if number > len(entries):
            return BrokenLink(len(entries) + 1, f"it is missing: this machine has seen {number} entries")
        if entries[number - 1].hash != digest:
            return BrokenLink(number, "it is another one than this machine has seen: the chain was made anew")
        return None

    def _head(self) -> tuple[int, str] | None:
        try:
            number, digest = json.loads((self._folder / HEAD).read_text())
            return int(number), str(digest)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            _log.warning("%s cannot be read (%s); a ledger whose end is missing would not be noticed", self._folder / HEAD, error)
            return None

    def _remember(self, entries: Sequence[LedgerEntry]) -> None:
        head = self._head()
        if not entries or (head is not None and head[0] >= entries[-1].number):
            return
        try:
            _write(self._folder / HEAD, json.dumps([entries[-1].number, entries[-1].hash]))
        except OSError as error:
            _log.warning("the last entry of the ledger is not remembered: %s", error)

    def _keep(self, note: Note, reason: LedgerUnavailable) -> None:
        try:
            # the name gives the order in which they are written later
            _write(self._folder / PENDING / f"{note.at:017.6f}-{uuid.uuid4().hex[:8]}.json", note.to_json())
            _log.warning("%s; '%s' is on record once it is back: %s", reason.detail, note.action, note.to_json())
        except OSError as error:
            _log.error("%s, and %s; this is not on record: %s", reason.detail, error, note.to_json())

    def _kept(self) -> dict[Path, Note]:
        """Notes that wait, the oldest first. One that cannot be read stays where it is."""
        found = {}
        for path in sorted((self._folder / PENDING).glob("*.json")):
            try:
                found[path] = Note.of(json.loads(path.read_text()))
            except FileNotFoundError:
                continue  # another process wrote it meanwhile
            except (OSError, ValueError, TypeError, KeyError) as error:
                _log.error("the note %s cannot be read and is not on record: %s", path, error)
        return found


def _parsed(rows: pl.DataFrame) -> list[LedgerEntry]:
    return [LedgerEntry.of_row(row) for row in rows.sort(c.NUMBER).iter_rows(named=True)]


def _extend(chain: list[LedgerEntry], notes: Sequence[Note]) -> None:
    for note in notes:
        chain.append(LedgerEntry.after(chain[-1] if chain else None, note))


def _write(path: Path, text: str) -> None:
    """Atomically: a reader never sees half of it. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        scratch.write_text(text)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
