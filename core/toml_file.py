"""Reads TOML files written by people, with errors that name the file and the field."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from core.errors import InvalidInput


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """The file's values. Raises InvalidInput, named after `what` the file is, for one that cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInput(what, str(path), f"a readable TOML file ({error})") from error
