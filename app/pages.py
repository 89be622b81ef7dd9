"""Writes the pages that commands make."""

from __future__ import annotations

from pathlib import Path


def write(path: Path, text: str) -> None:
    """Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
