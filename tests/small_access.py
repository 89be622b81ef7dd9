"""The access control of an API under test: keys and audit log in a folder, no rate limit unless one is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from serving.access.audit import AuditLog
from serving.access.control import AccessControl
from serving.access.keys import KeyFile
from serving.access.rates import RateConfig, Rates


def access_in(folder: Path, admin_key: str | None = None, per_minute: int = 0, **parts: Any) -> AccessControl:
    keys, audit = KeyFile(folder / "keys.json"), AuditLog(folder / "audit.jsonl")
    return AccessControl(keys, Rates(RateConfig(per_minute)), audit, admin_key, **parts)
