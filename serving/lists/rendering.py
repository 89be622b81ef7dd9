"""A recommendation as the JSON that the API answers with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from core.item_facts import UNKNOWN, ItemFacts
from ranking.reasons import Explanation
from recommender.recommender import CACHED, RecommendationResult
from recommender.roles import Selection


@dataclass(frozen=True)
class JsonForm:
    """A list as JSON; `compact`: item ids alone."""

    compact: bool = False

    def render(self, made: RecommendationResult) -> bytes:
        return orjson.dumps(ids(made) if self.compact else full(made, None, trace=False))

    def of_before(self, body: bytes) -> bytes:
        return body if self.compact else orjson.dumps(orjson.loads(body) | {"strategy": CACHED})


def full(made: RecommendationResult, why: Sequence[Sequence[Explanation]] | None, trace: bool) -> dict[str, Any]:
    """Everything; with the reasons `why` of each item, and the trace, on demand."""
    chosen, query, facts = made.selection, made.query, made.snapshot.facts
    items = made.snapshot.catalogue.ids[chosen.rows]
    rows = facts.rows(items).tolist()
    because = [reasons(one, facts) for one in why] if why is not None else [[]] * len(chosen)
    labels = chosen.labels or ("",) * len(chosen)
    shown = zip(rows, items.tolist(), chosen.scores.tolist(), because, found_by(chosen), labels, strict=True)
    body = {
        "request_id": query.request_id,
        "user_id": query.shown_user,
        "cold_start": made.cold_start,
        "strategy": made.strategy,
        "model_version": made.snapshot.name,
        "policy": chosen.policy_id,
        "arm": query.context.arm,
        "recommendations": [
            _described(facts, row, item) | {"score": score, "reasons": one, "found_by": sources, "label": label or None}
            for row, item, score, one, sources, label in shown
        ],
    }
    return body | {"trace": trace_of(made)} if trace else body


def ids(made: RecommendationResult) -> dict[str, Any]:
    """Item ids alone."""
    keys = made.snapshot.catalogue.ids[made.selection.rows].tolist()
    return {"cold_start": made.cold_start, "recommendations": [made.snapshot.facts.id_of(key) for key in keys]}


def reasons(because: Sequence[Explanation], facts: ItemFacts) -> list[dict[str, Any]]:
    """The reasons of one item; what a reason does not have is left out."""
    return [
        {"code": one.code, "text": one.text}
        | ({} if one.item is None else {"item_id": facts.id_of(one.item)})
        | ({} if one.effect is None else {"effect": float(f"{one.effect:.4g}")})
        for one in because
    ]


def found_by(chosen: Selection) -> list[list[str]]:
    """For each item the sources that found it; none for one that only completes the page."""
    return [[name for name, found in zip(chosen.sources, row, strict=True) if found] for row in chosen.found.tolist()]


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
    return facts.describe(row) if row >= 0 else {"item_id": facts.id_of(item), **UNKNOWN}
