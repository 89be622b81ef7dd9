"""A recommendation as the JSON that the API answers with."""

from __future__ import annotations

from typing import Any

from core.item_facts import ItemFacts
from recommender.recommender import RecommendationResult


def full(made: RecommendationResult, explain: bool, trace: bool) -> dict[str, Any]:
    """Everything; reasons and trace on demand."""
    chosen, query, facts = made.selection, made.query, made.snapshot.facts
    items = made.snapshot.catalogue.ids[chosen.rows]
    rows = facts.rows(items).tolist()
    why = reasons(made) if explain else [[]] * len(chosen)
    labels = chosen.labels or ("",) * len(chosen)
    shown = zip(rows, items.tolist(), chosen.scores.tolist(), why, labels, strict=True)
    body = {
        "request_id": query.request_id,
        "user_id": query.shown_user,
        "cold_start": made.cold_start,
        "strategy": made.strategy,
        "model_version": made.snapshot.name,
        "policy": chosen.policy_id,
        "arm": query.context.arm,
        "recommendations": [
            _described(facts, row, item) | {"score": score, "reasons": because, "label": label or None}
            for row, item, score, because, label in shown
        ],
    }
    return body | {"trace": trace_of(made)} if trace else body


def ids(made: RecommendationResult) -> dict[str, Any]:
    """Item ids alone."""
    keys = made.snapshot.catalogue.ids[made.selection.rows].tolist()
    return {"cold_start": made.cold_start, "recommendations": [made.snapshot.facts.id_of(key) for key in keys]}


def reasons(made: RecommendationResult) -> list[list[dict[str, str]]]:
    """Why each item is there."""
    return [[{"code": reason.code, "text": reason.text} for reason in of_item] for of_item in made.reasons()]


def trace_of(made: RecommendationResult) -> dict[str, Any]:
    """Total time, which filter left nothing, and per stage what it returned, dropped and took."""
    emptied = made.trace.emptied()
    return {
        "milliseconds": round(made.seconds * 1e3, 3),
        "emptied_by": None if emptied is None else emptied.part,
        "stages": [stage.as_json() for stage in made.trace.stages],
    }


def _described(facts: ItemFacts, row: int, item: int) -> dict[str, Any]:
    """An item that left the catalogue since the list was made has its id alone."""
    return facts.describe(row) if row >= 0 else {"item_id": facts.id_of(item), "title": "", "genres": [], "year": None}
