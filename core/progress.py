"""How far long work is: a bar on a terminal, and elsewhere a line each ten seconds, so that a log holds lines and not bars."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Protocol, TypeVar

EVERY = 10.0  # seconds between two lines
_Item = TypeVar("_Item")


class Steps(Protocol):
    """Work of which so and so many steps are done."""

    def update(self, n: int = 1) -> object:
        """So many more are done."""

    def close(self) -> object: ...


class Lines:
    """At most a line each ten seconds; none for work that is done before."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next = clock() + EVERY

    def tell(self, line: Callable[[], str]) -> None:
        """Write the line to stderr if it is time."""
        if self._clock() >= self._next:
            self._next = self._clock() + EVERY
            print(line(), file=sys.stderr, flush=True)


class _Counted:
    def __init__(self, name: str, total: int) -> None:
        self._name, self._total, self._done, self._lines = name, total, 0, Lines()

    def update(self, n: int = 1) -> None:
        self._done += n
        self._lines.tell(lambda: f"  {self._name}: {self._done:,} of {self._total:,}")

    def close(self) -> None:
        pass


def steps(name: str, total: int) -> Steps:
    """Of work that says itself how far it is."""
    if not sys.stderr.isatty():
        return _Counted(name, total)
    from tqdm import tqdm

    bar: Steps = tqdm(desc=name, total=total, leave=False)
    return bar


def watched(items: Iterable[_Item], name: str, total: int | None = None) -> Iterator[_Item]:
    """The items, while it is shown how many of them are done. `total` where they do not know how many they are."""
    bar = steps(name, len(items) if isinstance(items, Collection) else total or 0)
    for item in items:
        yield item
        bar.update()
    bar.close()
