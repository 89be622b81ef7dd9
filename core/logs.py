"""Logs as text for people or as one JSON object a line for machines, each with the id of the request that it is about."""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

from core import tracing

Format = Literal["text", "json"]
REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")  # of the HTTP request that this code works for
_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
ACCESS_LOG = "serving.access_log"  # the logger of requests
FIELDS = "fields"  # of a record: what a JSON line has beside the message
_NOISY = ("mlflow", "alembic", "httpx", "pymilvus", "kafka", "feast")


class JsonLines(logging.Formatter):
    """One JSON object a line: time (ISO 8601, UTC), level, logger, message, and where known request_id, trace_id, exception."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": REQUEST_ID.get(),
            "trace_id": tracing.trace_id(),
            **getattr(record, FIELDS, {}),
            "exception": self.formatException(record.exc_info) if record.exc_info else "",
        }
        return json.dumps({key: value for key, value in line.items() if value != ""}, ensure_ascii=False)


def log_to_stderr(format_: Format = "text", level: int = logging.INFO, access: bool = False) -> None:
    """From now on, everything from `level` up, and with `access` a line for each request, whatever the level.

    Of text lines the supervisor adds the process name.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if format_ == "json" else logging.Formatter(_TEXT))
    logging.basicConfig(level=level, handlers=[handler])
    logging.getLogger(ACCESS_LOG).setLevel(logging.INFO if access else logging.CRITICAL)
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)
