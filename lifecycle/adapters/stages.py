"""The tag `stage` of a version: MLflow 3 has no stages any more, but people look for them."""

from __future__ import annotations

from collections.abc import Collection

NAME = "stage"
STAGING, PRODUCTION, ARCHIVED, NONE = "Staging", "Production", "Archived", "None"


def stage_of(aliases: Collection[str], before: str) -> str:
    """The stage of a version with these aliases; one that had a stage and lost its aliases is archived."""
    if "production" in aliases:
        return PRODUCTION
    if "staging" in aliases or "canary" in aliases:
        return STAGING
    return ARCHIVED if "previous" in aliases or before not in ("", NONE) else NONE
