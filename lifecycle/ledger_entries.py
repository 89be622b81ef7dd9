"""What the promotion ledger consists of: notes, and the entries that chain them by their hashes."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from core import columns as c

CANDIDATE, STAGING, CANARY, PRODUCTION, PREVIOUS = "candidate", "staging", "canary", "production", "previous"
ALIASES = (CANDIDATE, STAGING, CANARY, PRODUCTION, PREVIOUS)
GENESIS = "0" * 64  # the previous hash of the first entry


class Action(StrEnum):
    """What happened to a release."""

    FOUND = "found"  # an alias that was there when the ledger began
    REGISTERED = "registered"
    PROMOTED = "promoted"
    REFUSED = "refused"
    ROLLED_BACK = "rolled back"
    MOVED_BY_HAND = "moved by hand"
    POINTED = "pointed"  # any other move of an alias by Marquee, such as a canary's beginning and end
    STOPPED = "stopped"  # a release on its way in was taken out of shadow or canary
    EXPERIMENT_STARTED = "experiment started"  # and its name and definition are the evidence
    EXPERIMENT_STOPPED = "experiment stopped"
    NOT_DONE = "not done"  # takes back the entry before it: the registry refused the move


@dataclass(frozen=True)
class Note:
    """What happened, before it has its place in the ledger. `version` is empty where an alias was removed."""

    action: Action
    actor: str  # "cli:ann", "watchdog", "by hand"
    version: str
    at: float  # Unix seconds
    release: str = ""
    alias: str = ""  # the one that was moved, if any
    from_version: str = ""  # what the alias meant before
    why: str = ""
    evidence: str = "{}"  # a JSON object as `canonical` writes it

    @property
    def aliases(self) -> dict[str, str]:
        """What aliases mean according to this note: alias -> version, empty for one that was removed."""
        if self.action is Action.PROMOTED and self.alias == PRODUCTION and self.from_version:
            return {PRODUCTION: self.version, PREVIOUS: self.from_version}
        return {self.alias: self.version} if self.alias else {}

    @property
    def experiment(self) -> str:
        """The experiment that was started or stopped; else empty."""
        about = self.action in (Action.EXPERIMENT_STARTED, Action.EXPERIMENT_STOPPED)
        return str(json.loads(self.evidence).get("experiment", "")) if about else ""

    def to_json(self) -> str:
        return canonical(asdict(self))

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Note:
        """Raises TypeError, KeyError or ValueError for what is not a note."""
        return cls(**{**fields, "action": Action(fields["action"])})


@dataclass(frozen=True)
class LedgerEntry:
    """A note in its place: `hash` is the SHA-256 over everything else, the hash of the entry before it included."""

    number: int
    note: Note
    previous_hash: str
    hash: str = field(default="")

    @classmethod
    def after(cls, last: LedgerEntry | None, note: Note) -> LedgerEntry:
        """The entry that follows `last`; the first one for None."""
        entry = cls(last.number + 1 if last else 1, note, last.hash if last else GENESIS)
        return cls(entry.number, note, entry.previous_hash, entry.digest())

    def digest(self) -> str:
        """What `hash` has to be."""
        content = {c.NUMBER: self.number, c.PREVIOUS_HASH: self.previous_hash, **asdict(self.note)}
        return hashlib.sha256(canonical(content).encode()).hexdigest()

    def to_row(self) -> dict[str, object]:
        """A row of the lake's table."""
        fields = asdict(self.note)
        fields[c.TS] = fields.pop("at")
        return {c.NUMBER: self.number, **fields, c.PREVIOUS_HASH: self.previous_hash, c.HASH: self.hash}

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> LedgerEntry:
        """Raises ValueError for an action that this code does not know."""
        fields = {name: value for name, value in row.items() if name not in (c.NUMBER, c.TS, c.PREVIOUS_HASH, c.HASH)}
        return cls(row[c.NUMBER], Note.of({**fields, "at": row[c.TS]}), row[c.PREVIOUS_HASH], row[c.HASH])


@dataclass(frozen=True)
class BrokenLink:
    """The first entry at which the chain does not hold, and why."""

    number: int
    why: str


def first_break(entries: Sequence[LedgerEntry]) -> BrokenLink | None:
    """Check entries in the order of their numbers. What is missing at the end leaves no trace in a chain."""
    before: LedgerEntry | None = None
    for place, entry in enumerate(entries, 1):
        if entry.number != place:
            why = "it is missing" if entry.number > place else "its number is there twice"
            return BrokenLink(min(entry.number, place), why)
        if entry.digest() != entry.hash:
            return BrokenLink(place, "its content is not what its hash was made of: it was changed")
        if entry.previous_hash != (before.hash if before else GENESIS):
            return BrokenLink(place, "it does not follow the entry before it: one of the two was replaced")
        before = entry
    return None


def meant(entries: Iterable[LedgerEntry]) -> dict[str, LedgerEntry]:
    """The last entry about each alias."""
    return {alias: entry for entry in entries for alias in entry.note.aliases}


def canonical(content: Mapping[str, object]) -> str:
    """The one JSON text of an object: sorted keys, no spaces; numbers that JSON does not have become null."""
    return json.dumps(_finite(content), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _finite(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(name): _finite(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
