"""How a draft becomes a bundle: a name of its own, and a manifest with the digests of all files."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from pathlib import Path

from core import bundle
from core.bundle import Manifest


def new_name() -> str:
    """A release's name: when it was made (UTC), and something that no other one has."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}"


def seal(draft: Path, manifest: Manifest) -> Path:
    """Write the manifest with the files' digests and give the folder its name."""
    sealed = manifest.model_copy(update={"files": bundle.digests(draft)})
    sealed.write(draft)
    return draft.rename(draft.with_name(sealed.release))
