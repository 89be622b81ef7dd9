"""Titles as people write them: "Matrix, The (1999)" is "The Matrix" of 1999."""

from __future__ import annotations

import re

_ARTICLES = "The|A|An|Le|La|Les|L'|Der|Die|Das|El|Los|Las|Il|Lo|Gli|O|Os"
_CATALOGUED = re.compile(rf"(?P<name>.+), (?P<article>{_ARTICLES})(?P<rest>(?: \(.*)?)")
_YEAR = re.compile(r"\s*\(\d{4}\)$")


def as_written(title: str) -> str:
    """The title with its article in front; as it is where a catalogue did not put the article behind."""
    found = _CATALOGUED.fullmatch(title)
    if found is None:
        return title
    article = found["article"] if found["article"].endswith("'") else found["article"] + " "
    return f"{article}{found['name']}{found['rest']}"


def without_year(title: str) -> str:
    """The title without a year in brackets at its end."""
    return _YEAR.sub("", title)
