"""A table that the consumer publishes for the API: one Parquet file, replaced atomically."""

from __future__ import annotations

import io
import os
from pathlib import Path

import polars as pl

from core.errors import DependencyUnavailable, StorageFull


def replace_file(path: Path, table: pl.DataFrame, what: str) -> None:
    """Readers find the old table or the new one, never a part. Raises StorageFull."""
    partial = path.with_suffix(".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        table.write_parquet(partial)
        partial.replace(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise StorageFull(what, f"{path}: {error}", "free space or fix the permissions") from error


class FollowedFile:
    """Reads the file whenever it was replaced."""

    def __init__(self, path: Path, what: str) -> None:
        self._path = path
        self._what = what
        self._seen = (0, 0)  # inode and time of the last file read

    def look(self) -> pl.DataFrame | None:
        """The table if it is new since the last check. Raises DependencyUnavailable for a file that cannot be read.

        The file is opened once: Polars opens a path several times, and panics when it was replaced in between.
        """
        try:
            with self._path.open("rb") as file:
                found = os.fstat(file.fileno())
                if (found.st_ino, found.st_mtime_ns) == self._seen:
                    return None
                table = pl.read_parquet(io.BytesIO(file.read()))
        except FileNotFoundError:
            return None
        except (OSError, pl.exceptions.PolarsError) as error:
            raise DependencyUnavailable(self._what, f"{self._path}: {error}", "the consumer will write them again") from error
        self._seen = (found.st_ino, found.st_mtime_ns)
        return table
