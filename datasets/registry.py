"""Data sets by name: the bundled one, those that `marquee data fetch` stored, and any zip by its path."""

from __future__ import annotations

from pathlib import Path

from core.errors import NotFound
from datasets.dataset import Dataset
from datasets.movielens import BUNDLED, read_movielens

# The sets that GroupLens offers, with the number of ratings in the README, which detects a zip with a wrong name.
FETCHABLE = {
    "ml-100k": 100_000,
    "ml-1m": 1_000_209,
    "ml-10m": 10_000_054,
    "ml-20m": 20_000_263,
    "ml-25m": 25_000_095,
    "ml-32m": 32_000_204,
}

BUNDLED_NAMES = (BUNDLED.stem, *FETCHABLE)  # the names that `marquee data load` accepts


def read_any(name_or_path: str, fetched: Path | None = None) -> Dataset:
    """Read and check a data set. Raises NotFound that says how to get it, and DatasetError if it is invalid.

    A name is looked up in `fetched`, the folder of `marquee data fetch` (`datasets` under the home folder).
    """
    return read_movielens(locate(name_or_path, fetched))


def locate(name_or_path: str, fetched: Path | None = None) -> Path:
    """The zip of a data set. Raises NotFound that says how to get it."""
    if name_or_path == BUNDLED.stem:
        return BUNDLED
    path = Path(name_or_path)
    if path.is_file():
        return path
    if fetched is not None and (stored := fetched / f"{name_or_path}.zip").is_file():
        return stored
    if name_or_path in FETCHABLE:
        raise NotFound(f"{name_or_path} was not fetched yet: marquee data fetch {name_or_path}")
    names = ", ".join((BUNDLED.stem, *FETCHABLE))
    raise NotFound(f"there is no data set {name_or_path!r}: neither a file nor one of {names}")
