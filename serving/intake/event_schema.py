"""The JSON Schema of an event: what is known of kinds, values and times said in it, so that what it allows is accepted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from core.events import ClockRule
from core.kinds import KINDS, ValueRange

LAST_SECOND = 253_402_300_799.0  # of the year 9999, the last that ISO 8601 writes with four digits
_DAY_TO_SECOND = r"-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?"
_ZONE = r"(Z|[+-]([01]\d|2[0-3]):[0-5]\d)"


def with_rules(schema: Mapping[str, Any], rule: ClockRule) -> dict[str, Any]:
    """The schema of an interaction with the value that each kind allows, and the times that are believed.

    A time later than now is left to the answer: no schema knows what time it is.
    """
    described = {name: text for name, text in schema["properties"]["ts"].items() if name not in ("anyOf", "type", "minimum")}
    moments = [
        {"type": "number", "minimum": rule.earliest, "maximum": LAST_SECOND},
        {"type": "string", "format": "date-time", "pattern": _after(datetime.fromtimestamp(rule.earliest, UTC).year)},
    ]
    properties = {**schema["properties"], "ts": {"anyOf": moments, **described}}
    return {**schema, "properties": properties, "allOf": _values()}


def _values() -> list[dict[str, Any]]:
    """One rule for the kinds that allow the same values."""
    groups: dict[tuple[ValueRange | None, bool], list[str]] = {}
    for kind in KINDS:
        groups.setdefault((kind.spec.value, kind.spec.value_required), []).append(kind.value)
    rules = []
    for (allowed, required), kinds in groups.items():
        value: dict[str, Any] = {"type": "null"}
        if allowed is not None:
            value = {"type": "number" if required else ["number", "null"], "minimum": allowed.low, "maximum": allowed.high}
        then: dict[str, Any] = {"properties": {"value": value}}
        if allowed is not None and required:
            then["required"] = ["value"]
        rules.append({"if": {"properties": {"kind": {"enum": kinds}}, "required": ["kind"]}, "then": then})
    return rules


def _after(year: int) -> str:
    """The pattern of a time, with its zone, in a year after this one."""
    digits = f"{year:04d}"
    years = [digits[:at] + f"[{int(digit) + 1}-9]" + r"\d" * (3 - at) for at, digit in enumerate(digits) if digit != "9"]
    return f"^({'|'.join(years)}){_DAY_TO_SECOND}{_ZONE}$"
