"""What the API's routes for operators do, on this installation."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from app import wiring
from app.usecases import releasing
from app.usecases.acceptance_by_day import AcceptanceByDay
from app.usecases.background_state import background_state
from core.domain import Domain
from core.ports import EventLog, RegisteredVersion
from core.settings import Settings
from lake.ports import Lake
from lifecycle.ledger_entries import Action, LedgerEntry
from serving.operating import Operating

PREFIXED = "https://", "http://"
_SILENT = (Action.EXPERIMENT_STARTED, Action.EXPERIMENT_STOPPED, Action.NOT_DONE)  # no moves of a release of their own


def operating(settings: Settings, log: EventLog, lake: Lake) -> Operating:
    """Raises NotFound, InvalidInput for a file of words that is none."""
    return Operating(
        domain=words(settings),
        releases=ReleaseOperations(settings),
        acceptance=AcceptanceByDay(lake, settings.attribution_hours * 3600).of,
        status=partial(background_state, settings, log),
    )


def words(settings: Settings) -> dict[str, Any]:
    """What is recommended here, and where to find what the API does not show."""
    links = {"mlflow": _address(settings.mlflow_url or settings.tracking_uri), "grafana": _address(settings.grafana_url)}
    return {**Domain.load(settings.domain).model_dump(), "links": {**links, "docs": "/docs"}}


@dataclass(frozen=True)
class ReleaseOperations:
    """See `serving.operating.ReleaseControl`."""

    settings: Settings
    _moving: threading.Lock = field(default_factory=threading.Lock)  # one move at a time: each looks at what is production first

    def listed(self, moves: int) -> dict[str, object]:
        """See `ReleaseControl`."""
        versions = wiring.registry(self.settings).versions()
        entries = wiring.ledger(self.settings).entries()
        return {"releases": [listed_release(one) for one in reversed(versions)], "moves": latest_moves(entries, moves)}

    def promote(self, version: str, *, actor: str, why: str, dry_run: bool) -> dict[str, object]:
        """See `ReleaseControl`."""
        from lifecycle.promotion import PromotionRefused

        with self._moving:
            release, verdict = releasing.promote(self.settings, version, False, dry_run, _nobody, why, actor)
        if not verdict.passed:  # of a dry run: it would have been refused
            raise PromotionRefused(version, verdict)
        return {
            "version": version,
            "release": release.release,
            "dry_run": dry_run,
            "checks": [asdict(check) for check in verdict.checks],
        }

    def rollback(self, *, actor: str, why: str, dry_run: bool) -> dict[str, object]:
        """See `ReleaseControl`."""
        with self._moving:
            version, release = releasing.rollback(self.settings, dry_run, _nobody, why, actor)
        return {"version": version, "release": release, "dry_run": dry_run}


def listed_release(one: RegisteredVersion) -> dict[str, object]:
    """A version as `serving.operate_models.ListedRelease` has it."""
    said, _, failed = one.tags.get("gate", "").partition(": ")
    return {
        "version": one.version,
        "name": one.tags.get("release"),
        "created": one.created,
        "aliases": list(one.aliases),
        "metrics": {name: number for name, value in one.tags.items() if (number := _metric(name, value)) is not None},
        "gate": said if said in ("passed", "failed") else "none",
        "why": one.tags.get("broken") or failed or one.tags.get("refused") or None,
    }


def latest_moves(entries: list[LedgerEntry], limit: int) -> list[dict[str, object]]:
    """The latest entries about releases, newest first, as `serving.operate_models.LedgerMove` has them."""
    undone: set[int] = set()
    last: dict[str, int] = {}  # alias -> number of the entry that moved it last
    for entry in entries:
        note = entry.note
        if note.action is Action.NOT_DONE:
            undone |= {last[note.alias]} if note.alias in last else set()
        elif note.alias:
            last[note.alias] = entry.number
    told = [entry for entry in entries if entry.note.action not in _SILENT]
    return [_move(entry, entry.number in undone) for entry in reversed(told[-limit:])]


def _move(entry: LedgerEntry, undone: bool) -> dict[str, object]:
    note = entry.note
    refused = "refused" if note.action is Action.REFUSED else "done"
    return {
        "number": entry.number,
        "at": note.at,
        "action": note.action.value,
        "version": note.version,
        "release": note.release or None,
        "alias": note.alias or None,
        "actor": note.actor,
        "why": note.why,
        "outcome": "not done" if undone else refused,
    }


def _metric(name: str, value: str) -> float | None:
    """The figure of a tag that is one."""
    if not name.endswith("_at_10"):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _address(uri: str) -> str | None:
    """An address that a browser opens, without a name and password that it may carry; None of any other."""
    if not uri.startswith(PREFIXED):
        return None
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _nobody(_: str) -> None:
    """Who watches a request's progress."""
