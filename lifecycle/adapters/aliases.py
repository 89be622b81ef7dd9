"""Valid alias names. MLflow rejects some names, so every adapter rejects the same ones."""

from __future__ import annotations

import re

from core.errors import InvalidInput

_ALIAS = re.compile(r"(?!latest$)(?!v\d+$)[a-z][a-z0-9_-]{0,63}")


def check_alias(alias: str) -> None:
    """Raises InvalidInput for a name that could be mistaken for a version, or that MLflow keeps for itself."""
    if not _ALIAS.fullmatch(alias):
        raise InvalidInput("alias", alias, "lower-case letters, digits, - and _, a letter first; not 'latest' nor v1, v2, ...")
