"""A home that was moved: MLflow stores absolute artifact locations, which then point at the old folder."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

PLACE = "/mlflow/artifacts"  # where every home has its artifacts, relative to its root
_COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("logged_models", "artifact_location"),
)
_log = logging.getLogger(__name__)


def anchor(tracking_uri: str, artifact_root: Path) -> None:
    """Make a home's own database point at the home's own artifacts, wherever the home was before; all of them or none.

    A database that is elsewhere may be shared and is left alone, and so is one that cannot be changed: it can still be read,
    and releases come from the local cache. Raises sqlite3.Error for one that is damaged or locked.
    """
    root = artifact_root.resolve()
    database = root.parent / "mlflow.db"
    if tracking_uri != f"sqlite:///{database}" or not root.as_uri().endswith(PLACE) or not database.is_file():
        return
    with closing(sqlite3.connect(database)) as opened:
        opened.create_function("here", 1, lambda text: _here(text, root.as_uri()), deterministic=True)
        moved = [(table, column) for table, column in _columns(opened) if _is_elsewhere(opened, table, column)]
        if not moved:
            return
        try:
            with opened:
                for table, column in moved:
                    opened.execute(f"UPDATE {table} SET {column} = here({column}) WHERE {column} != here({column})")
        except sqlite3.OperationalError as error:
            if "readonly" not in str(error):
                raise
            _log.warning("%s names artifacts of another folder and cannot be written: %s", database, error)
            return
    _log.warning("%s was moved or copied here; its runs and releases have their artifacts in %s now", root.parent.parent, root)


def _columns(opened: sqlite3.Connection) -> list[tuple[str, str]]:
    """The columns that exist in this version of MLflow."""
    there = {(table, column) for table, _ in _COLUMNS for _, column, *_ in opened.execute(f"PRAGMA table_info({table})")}
    return [pair for pair in _COLUMNS if pair in there]


def _is_elsewhere(opened: sqlite3.Connection, table: str, column: str) -> bool:
    return opened.execute(f"SELECT 1 FROM {table} WHERE {column} != here({column}) LIMIT 1").fetchone() is not None


def _here(location: str | None, root: str) -> str | None:
    """The location under this root; a location outside any home's artifacts is left as it is."""
    if location is None or not location.startswith("file://"):
        return location
    before, place, rest = location.rpartition(PLACE)
    return root + rest if before and place and (not rest or rest.startswith("/")) else location
