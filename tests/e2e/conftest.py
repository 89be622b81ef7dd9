"""One running Marquee for all end-to-end tests: the real `marquee demo`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from running import Running, start, wait_for


@pytest.fixture(scope="session")
def marquee(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[Running]:
    """The demo, prepared, served and replayed for a few seconds."""
    running = start(tmp_path_factory.mktemp("demo") / "home", free_port, "demo", "--replay-seconds", "4", "--no-shift")
    try:
        wait_for(running, "What the events changed")
        yield running
    finally:
        code = running.stop()
    assert code == 0, running.printed()[-4000:]
    assert "everything is stopped" in running.printed()
