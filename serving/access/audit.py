"""The audit log: what operators did through the API, one JSON object a line.

It is written before the answer is sent, and never erased or rotated here. It has no user's id: whom an erasure concerned is
gone with what was erased, and `request_id` connects a line with the API's log.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import orjson

from core.ports import Clock


class AuditLog:
    """Appends to one file, which several processes may share."""

    def __init__(self, path: Path, clock: Clock = time.time) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()

    def add(self, entry: Mapping[str, object]) -> None:
        """Blocks until the entry is on disk. Raises OSError."""
        line = orjson.dumps({"at": self._clock(), **entry}, default=str) + b"\n"
        with self._lock:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(file, line)  # one write, so that lines of two processes do not mix
                os.fsync(file)
            finally:
                os.close(file)
