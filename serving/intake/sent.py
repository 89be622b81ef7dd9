"""Events as clients send them: like the contract's, but a time may also be written as ISO 8601 with a zone.

The log, the lake and every reader have Unix seconds. A time without a zone is refused, because its hour would be a guess.
"""

from __future__ import annotations

import re
import time
from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator, Field

from core import events

SECONDS = "a finite number of Unix seconds, 0 or more"
ALLOWED_TS = f"{SECONDS}, or a time in ISO 8601 with a zone, such as 2026-11-26T12:00:00+01:00 or 2026-11-26T11:00:00Z"

_ISO = re.compile(
    r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d([.,]\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)?)?|\d{8}T\d{4}(\d\d)?(Z|[+-]\d{4})?", re.ASCII
)


def unix_seconds(raw: object) -> object:
    """The seconds of a time written as text; anything else as it came. Raises ValueError that says what is allowed."""
    if not isinstance(raw, str):
        return raw
    text = raw.upper()
    if not _ISO.fullmatch(text):
        raise ValueError(f"allowed: {ALLOWED_TS}")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"allowed: {ALLOWED_TS}") from error
    if moment.tzinfo is None:
        local = moment.isoformat()
        raise ValueError(f"allowed: a time with a zone; add one: {local}Z if it is UTC, or its offset, as in {local}+01:00")
    if moment.timestamp() < 0:
        raise ValueError(f"allowed: {ALLOWED_TS}, from 1970 on")
    return moment.timestamp()


Time = Annotated[
    Annotated[float, Field(ge=0, allow_inf_nan=False)],
    BeforeValidator(unix_seconds, json_schema_input_type=Annotated[float, Field(ge=0)] | AwareDatetime),
]


class Interaction(events.Interaction):
    """One thing a user did with one item at one time.

    `event_id` makes delivery idempotent, `ts` is Unix seconds or ISO 8601 with a zone, `value` is what the kind's table entry
    allows, and `request_id` names the list that this interaction answers.
    """

    ts: Time = Field(
        default_factory=time.time,
        description="Unix seconds, UTC, or ISO 8601 with a zone; now if left out; kept as Unix seconds",
        examples=[1_790_000_000.0, "2026-11-26T12:00:00+01:00"],
    )
