"""Imports as if something else were not installed, for packages that import whatever they find only to offer to work with it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(*modules: str) -> Iterator[None]:
    """What is imported inside does without these modules, unless they are imported already.

    Python reads `None` in `sys.modules` as "there is no such module". That holds for every thread, for as long as it lasts.
    """
    hidden = [name for name in modules if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
