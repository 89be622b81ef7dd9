"""A model that this machine cannot hold: the others are compared without it."""

from __future__ import annotations

from core.errors import InvalidInput

_GIB = 2**30


class DoesNotFit(InvalidInput):
    """A catalogue is too large for a model in the memory that is available."""

    def __init__(self, items: int, most: int, need: int, available: int) -> None:
        """`need` and `available` in bytes; `most` items would fit."""
        self.needs = f"{items:,} items need {need / _GIB:.1f} GiB, and {available / _GIB:.1f} GiB are available"
        super().__init__("items", items, f"at most {most:,} in the memory that is available: {self.needs}")
