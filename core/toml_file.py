"""Reads TOML files written by people, with errors that name the file and the field."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from core.errors import InvalidInput, NotFound


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """The file's values. Raises InvalidInput, named after `what` the file is, for one that cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInput(what, str(path), f"a readable TOML file ({error})") from error


def first_wrong(error: ValidationError) -> tuple[str, ErrorDetails]:
    """The first field that is wrong, by its dotted name, empty for the whole; and what is wrong with it."""
    first = error.errors(include_url=False)[0]
    return ".".join(str(part) for part in first["loc"]), first


def named_file(folder: Path, name: str, what: str) -> Path:
    """`<name>.toml` in a folder of configurations. Raises NotFound that says which ones there are."""
    path = folder / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(found.stem for found in folder.glob("*.toml")))
        raise NotFound(f"there is no {what} {name!r}; {folder.parent.name}/{folder.name} has {known}")
    return path
