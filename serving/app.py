"""Entry point: `uvicorn serving.app:app`."""

from __future__ import annotations

from app.entrypoints import build_api

app = build_api()
