"""Ids at the edge and keys inside.

Outside, an id is whatever a company calls its users and items: an opaque string of up to 128 characters. Inside, everything
that is fast or small (packed records, matrices, Milvus, Redis, sorted arrays) works on 63-bit integer keys:

    1 ... 2^53 - 1          an id that is a whole number ("42", or 42 in JSON) is its own key
    2^53 ... 2^62 - 1       items of any other id: numbered in order of arrival by a table that only grows (lake.item_keys)
    2^62 ... 2^63 - 1       users of any other id: 62 bits of a hash, with the original kept in the user's record

So data with integer ids costs nothing and keeps its keys, no key of one kind can be one of another, and an item's key is never
given to a second item. Two users whose hashes collide (one chance in 9 million for a million users) are told apart by
the original: the later one is refused, never merged.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

MAX_INTEGER = 2**53 - 1  # the largest integer that every JSON reader keeps exact
MAX_LENGTH = 128  # characters
FIRST_ITEM_KEY = 2**53
FIRST_USER_KEY = 2**62
ALLOWED = (
    f"an integer from 1 to {MAX_INTEGER}, or a string of 1 to {MAX_LENGTH} characters without control characters, not only spaces"
    ", and without . or .. between slashes"
)

ExternalId = int | str  # an integer where the id is a whole number, else a string

_WHOLE = re.compile(r"[1-9][0-9]{0,15}")
# Browsers and proxies take these out of an address (RFC 3986, section 5.2.4), so that nobody could ask for such an id
_DOT_SEGMENT = re.compile(r"(?:^|[/\\])\.\.?(?:$|[/\\])")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def parse_id(raw: object) -> ExternalId:
    """An id as it came from JSON, a path or a file. `"42"`, `42` and, in JSON, `42.0` are the same id; `"042"` is another.

    Raises ValueError for anything that cannot be an id.
    """
    if isinstance(raw, str):
        if _WHOLE.fullmatch(raw) and int(raw) <= MAX_INTEGER:
            return int(raw)
        if raw.strip() and len(raw) <= MAX_LENGTH and not _UNPRINTABLE.search(raw) and not _DOT_SEGMENT.search(raw):
            return raw
    elif isinstance(raw, int | float) and not isinstance(raw, bool) and 1 <= raw <= MAX_INTEGER and raw == int(raw):
        return int(raw)
    raise ValueError(f"allowed: {ALLOWED}")


_NOT_CONTROL = r"[^\u0000-\u001f\u007f-\u009f]*"
PRINTABLE = rf"^{_NOT_CONTROL}[^\s\u0000-\u001f\u007f-\u009f]{_NOT_CONTROL}$"  # for JSON Schema, in what every dialect knows
_TEXT = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_LENGTH,
    "pattern": PRINTABLE,
    "not": {"pattern": _DOT_SEGMENT.pattern},
}
ID_SCHEMA: dict[str, Any] = {"anyOf": [{"type": "integer", "minimum": 1, "maximum": MAX_INTEGER}, _TEXT]}
Id = Annotated[ExternalId, BeforeValidator(parse_id), WithJsonSchema(ID_SCHEMA)]


def user_key(id_: ExternalId) -> int:
    """The key of a user. It depends on the id alone, so every process computes the same one without a table."""
    if isinstance(id_, int):
        return id_
    digest = hashlib.blake2b(id_.encode(), digest_size=8, person=b"marquee.user").digest()
    return FIRST_USER_KEY | (int.from_bytes(digest, "big") >> 2)


def original(id_: ExternalId) -> str:
    """The id as it is kept in the user's record; empty for an integer, which is its own key."""
    return "" if isinstance(id_, int) else id_


def shown(key: int, kept: str | None) -> ExternalId:
    """The id behind a key. `kept` is the result of `original`; tables have null where that was empty."""
    return kept or key


def assign_keys(ids: Iterable[ExternalId], known: Mapping[str, int]) -> dict[str, int]:
    """The keys of items: `known` (id -> key), and the next free key for each further id that is not an integer."""
    keys = dict(known)
    next_key = max(known.values(), default=FIRST_ITEM_KEY - 1) + 1
    for id_ in ids:
        if isinstance(id_, str) and id_ not in keys:
            keys[id_] = next_key
            next_key += 1
    return keys
