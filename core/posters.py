"""Where the picture of an item lies."""

from __future__ import annotations

import re

TMDB_IMAGES = "https://image.tmdb.org/t/p/w342"  # https://developer.themoviedb.org/docs/image-basics
_PATH_OF_TMDB = re.compile(r"/[\w.-]+")
_ADDRESS = re.compile(r"https://[^\s\"'<>\\]+")


def poster_url(stored: str | None) -> str | None:
    """The address of a picture, from what the catalogue has: TMDB's path ("/abc.jpg"), or an https address. None for anything
    else: a page would ask whatever stands there."""
    if stored is None:
        return None
    if _PATH_OF_TMDB.fullmatch(stored):
        return TMDB_IMAGES + stored
    return stored if _ADDRESS.fullmatch(stored) else None
