"""Where the program is that makes clients from OpenAPI documents. It needs another Typer than Marquee, so it lives apart."""

from __future__ import annotations

import shutil
from pathlib import Path

OWN = Path(__file__).resolve().parents[1] / ".generator" / "bin" / "openapi-python-client"  # of `make generator`


def generator() -> Path:
    """The one on the path, else our own, which may not be there."""
    found = shutil.which("openapi-python-client")
    return Path(found) if found else OWN
