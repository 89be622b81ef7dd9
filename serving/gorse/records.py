"""Users, items and feedback as Gorse's API has them in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dateutil import parser

ZERO = "0001-01-01T00:00:00Z"  # Go's time that was never set
_EARLIEST = -62135596800.0  # the same in Unix seconds


class BadRequest(Exception):
    """What was sent is not what Gorse takes."""


@dataclass(frozen=True)
class User:
    """Labels are any JSON."""

    user_id: str
    labels: Any = None
    comment: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"UserId": self.user_id, "Labels": self.labels, "Comment": self.comment}

    @classmethod
    def of(cls, sent: Any) -> User:
        """Raises BadRequest."""
        values = as_object(sent)
        return cls(_id(values, "UserId"), values.get("Labels"), _text(values, "Comment"))


@dataclass(frozen=True)
class Item:
    """`timestamp` is Unix seconds; None where it was never set. `categories` is None where none were named."""

    item_id: str
    is_hidden: bool = False
    categories: tuple[str, ...] | None = None
    timestamp: float | None = None
    labels: Any = None
    comment: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "ItemId": self.item_id,
            "IsHidden": self.is_hidden,
            "Categories": None if self.categories is None else list(self.categories),
            "Timestamp": shown(self.timestamp),
            "Labels": self.labels,
            "Comment": self.comment,
        }

    @classmethod
    def of(cls, sent: Any) -> Item:
        """Raises BadRequest."""
        values = as_object(sent)
        return cls(_id(values, "ItemId")).patched(values)

    def patched(self, values: Mapping[str, Any]) -> Item:
        """With what is named and not null. Raises BadRequest."""
        hidden, names, when = values.get("IsHidden"), values.get("Categories"), values.get("Timestamp")
        if hidden is not None and not isinstance(hidden, bool):
            raise BadRequest(f"IsHidden is {hidden!r}; it is true or false")
        if names is not None and not (isinstance(names, list) and all(isinstance(one, str) for one in names)):
            raise BadRequest(f"Categories is {names!r}; it is a list of strings")
        return Item(
            self.item_id,
            self.is_hidden if hidden is None else hidden,
            self.categories if names is None else tuple(names),
            self.timestamp if when in (None, "") else moment(when),
            self.labels if values.get("Labels") is None else values["Labels"],
            self.comment if values.get("Comment") is None else _text(values, "Comment"),
        )


@dataclass(frozen=True)
class Feedback:
    """What a user did with an item. Times are Unix seconds."""

    feedback_type: str
    user_id: str
    item_id: str
    value: float = 0.0
    timestamp: float | None = None
    comment: str = ""
    updated: float | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "FeedbackType": self.feedback_type,
            "UserId": self.user_id,
            "ItemId": self.item_id,
            "Value": self.value,
            "Timestamp": shown(self.timestamp),
            "Updated": shown(self.updated),
            "Comment": self.comment,
        }

    @classmethod
    def of(cls, sent: Any, typed: bool = True) -> Feedback:
        """Raises BadRequest. `typed`: it has to have a type and a user."""
        values = as_object(sent)
        value = values.get("Value") or 0
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadRequest(f"Value is {value!r}; it is a number")
        when = values.get("Timestamp")
        kind, user = (_id(values, name) if typed else _text(values, name) for name in ("FeedbackType", "UserId"))
        at = None if when in (None, "") else moment(when)
        return cls(kind, user, _id(values, "ItemId"), float(value), at, _text(values, "Comment"))


def moment(text: object) -> float:
    """Unix seconds of a time in any usual form; UTC where it has no zone. Raises BadRequest."""
    if not isinstance(text, str):
        raise BadRequest(f"Timestamp is {text!r}; it is a string")
    try:
        found = datetime.fromtimestamp(float(text), UTC) if text.isdigit() and len(text) > 8 else parser.parse(text)
        return found.timestamp() if found.tzinfo else found.replace(tzinfo=UTC).timestamp()
    except (ValueError, OverflowError, OSError) as error:
        raise BadRequest(f"Timestamp {text!r} is no time: {error}") from None


def shown(at: float | None) -> str:
    """As Go writes it."""
    if at is None or at <= _EARLIEST:
        return ZERO
    text = datetime.fromtimestamp(at, UTC).isoformat()
    return text.replace("+00:00", "Z")


def as_object(sent: Any) -> Mapping[str, Any]:
    if not isinstance(sent, dict):
        raise BadRequest(f"{sent!r} is no JSON object")
    return sent


def _id(values: Mapping[str, Any], name: str) -> str:
    found = values.get(name)
    if not isinstance(found, str) or not found.strip() or len(found) > 128:
        raise BadRequest(f"{name} is {found!r}; it is a string of 1 to 128 characters")
    return found


def _text(values: Mapping[str, Any], name: str) -> str:
    found = values.get(name)
    if found is not None and not isinstance(found, str):
        raise BadRequest(f"{name} is {found!r}; it is a string")
    return found or ""
