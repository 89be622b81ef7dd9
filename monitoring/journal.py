"""The watchdog's files: the last report and the last status."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path

REPORT = "report.html"
STATUS = "status.json"
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

    def _replace(self, name: str, text: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        scratch = self._folder / f".{name}.new"
        scratch.write_text(text)
        scratch.replace(self._folder / name)
