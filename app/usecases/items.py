"""Item ids as a person types them on the command line."""

from __future__ import annotations

from collections.abc import Sequence

from core.errors import InvalidInput
from core.ids import ALLOWED, ExternalId, parse_id


def parsed(raw: Sequence[str]) -> list[ExternalId]:
    """Ids as a person typed them. Raises InvalidInput that names the first invalid one."""
    return [_parsed(one) for one in raw]


def _parsed(raw: str) -> ExternalId:
    try:
        return parse_id(raw)
    except ValueError as error:
        raise InvalidInput("item id", raw, ALLOWED) from error
