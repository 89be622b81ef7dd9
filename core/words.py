"""Numbers of things in words."""

from __future__ import annotations

_IRREGULAR = {"person": "people", "query": "queries"}


def counted(n: int, thing: str) -> str:
    """`1 event`, `2,000 events`, `2 entries`."""
    if n == 1:
        return f"1 {thing}"
    plural = f"{thing[:-1]}ies" if thing.endswith(("ry", "py")) else f"{thing}s"
    return f"{n:,} {_IRREGULAR.get(thing, plural)}"
