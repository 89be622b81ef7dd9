"""Whom an erasure is about, and what a record looks like that is theirs."""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import dataclass
from functools import cached_property

import orjson

from core import columns as c
from core.ids import ExternalId, user_key


@dataclass(frozen=True)
class Subject:
    """One user."""

    id: ExternalId

    @cached_property
    def key(self) -> int:
        return user_key(self.id)

    def owns(self, value: bytes) -> bool:
        """Whether a record of the event log is the user's: a JSON object with that `user_id`, or a dead letter of such a record.

        What is no JSON is the user's where the id stands in it as a word: it cannot be told whose else it would be.
        """
        try:
            found = orjson.loads(value)
        except orjson.JSONDecodeError:
            return self.is_in(value.decode("utf-8", "replace"))
        if not isinstance(found, dict):
            return self.is_in(value.decode("utf-8", "replace"))
        if found.keys() >= {"reason", "detail", "value"}:  # core.deadletter
            return self.owns(b64decode(found["value"])) or self.is_in(found["detail"])
        return str(found.get(c.USER, "")) == str(self.id)

    def is_in(self, text: str) -> bool:
        """Whether the id stands in a text as a word."""
        return bool(self._word.search(text))

    @cached_property
    def _word(self) -> re.Pattern[str]:
        return re.compile(rf"(?<![\w.@-]){re.escape(str(self.id))}(?![\w@-])")
