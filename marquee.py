"""The `marquee` command. Its packages have common names, so it makes sure first that the ones it would import are Marquee's own.

A module by itself with a name that no one else has: where another project's `app` or `core` comes first on the path, nothing
of Marquee's could even say so.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGES = (
    *("app", "core", "datasets", "evaluation", "feature_repo", "lake", "lifecycle", "monitoring", "ranking"),
    *("recommender", "retrieval", "serving", "streaming"),
)


def foreign() -> Iterator[tuple[str, str]]:
    """Packages that would be imported from elsewhere: name and place."""
    for name in PACKAGES:
        spec = find_spec(name)
        places = [spec.origin, *(spec.submodule_search_locations or ())] if spec else []
        first = Path(next((place for place in places if place), "nowhere"))
        if first.name == "__init__.py":
            first = first.parent
        if first.resolve() != HERE / name:
            yield name, str(first)


def main() -> None:
    """Run a command, or exit with 1 and a message where foreign packages would be imported."""
    for name, place in foreign():
        sys.exit(
            f"error: Marquee cannot start: its package `{name}` is hidden by another of that name, {place}\n"
            f"  Marquee's own is {HERE / name}. Take the folder of the other one off PYTHONPATH, start Marquee from another\n"
            "  folder, or install it into a virtual environment of its own."
        )
    try:
        from app.cli import main as run
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in PACKAGES:
            raise
        sys.exit(
            f"error: Marquee cannot start: {error}\n  Another package was installed over its files.\n"
            "  Install Marquee into a virtual environment of its own."
        )
    run()


if __name__ == "__main__":
    main()
