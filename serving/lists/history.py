"""A user's recent events as people read them: titles, kinds and times, newest first."""

from __future__ import annotations

from typing import Any

from core.features import UserFeatures
from core.ids import ExternalId
from core.item_facts import ItemFacts
from core.kinds import KINDS


def history_of(user_id: ExternalId, user: UserFeatures | None, facts: ItemFacts, limit: int) -> dict[str, Any]:
    """The `limit` latest of the events that the online features keep."""
    if user is None:
        return {"user_id": user_id, "known": False, "n_events": 0, "events": []}
    latest = slice(None, -limit - 1, -1)
    rows = facts.rows(user.item_ids[latest]).tolist()
    columns = (user.item_ids, user.kinds, user.values, user.times)
    entries = zip(rows, *(column[latest].tolist() for column in columns), strict=True)
    events = [_entry(facts, *entry) for entry in entries]
    return {"user_id": user_id, "known": True, "n_events": user.n_events, "events": events}


def _entry(facts: ItemFacts, row: int, item_id: int, code: int, value: float, ts: float) -> dict[str, Any]:
    item = facts.describe(row) if row >= 0 else {"title": None, "genres": []}
    kind = KINDS[code]
    return {
        "item_id": facts.id_of(item_id),
        "title": item["title"],
        "genres": item["genres"],
        "kind": kind.value,
        "value": value if kind.spec.value is not None and value > 0 else None,
        "ts": ts,
    }
