"""The watchdog's files: the last report, the last status, and the time of the last retraining request."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path

REPORT = "report.html"
STATUS = "status.json"
LAST_RETRAIN = "last_retrain"
_log = logging.getLogger(__name__)


class Journal:
    """Files in one folder. Each is replaced atomically, so that a reader never sees half of one. Raises OSError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, status: Mapping[str, object], report_html: str) -> None:
        """Replace the status, and the report unless it is empty."""
        if report_html:
            self._replace(REPORT, report_html)
        self._replace(STATUS, json.dumps(status, indent=2, allow_nan=False) + "\n")

    def last_retrain(self) -> float | None:
        """Unix seconds of the last retraining that was asked for; None if there was none."""
        path = self._folder / LAST_RETRAIN
        if not path.is_file():
            return None
        try:
            return float(path.read_text())
        except (OSError, ValueError) as error:
            _log.warning("%s cannot be read (%s); no retraining is remembered", path, error)
            return None

    def note_retrain(self, now: float) -> None:
        """Remember that a retraining was asked for, across restarts."""
        self._replace(LAST_RETRAIN, repr(now))

    def _replace(self, name: str, text: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        scratch = self._folder / f".{name}.new"
        scratch.write_text(text)
        scratch.replace(self._folder / name)
