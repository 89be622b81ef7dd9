"""Fills a disk."""

from __future__ import annotations

from pathlib import Path


def fill(folder: Path) -> Path:
    """A file that leaves no page free."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            return path
    return path
