"""`marquee features` and a consumer of the same home: told apart by a lock, whatever ports they use."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from app import console, wiring
from core.errors import AlreadyRunning

if TYPE_CHECKING:
    from click.testing import Result

Marquee = Callable[..., "Result"]
CONSUMER = """
import sys
from pathlib import Path
from app.ops.ownership import consuming
with consuming(Path(sys.argv[1])):
    print("consuming", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def consumer(marquee: Marquee) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds what a consumer holds, and listens on no port."""
    command = [sys.executable, "-c", CONSUMER, str(console.settings().home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "consuming\n"
        yield process
        process.kill()


@pytest.mark.parametrize("command", ["materialize", "backfill"])
def test_features_are_not_written_under_a_running_consumer(
    marquee: Marquee, consumer: subprocess.Popen[str], command: str
) -> None:
    with pytest.raises(AlreadyRunning, match=r"a consumer runs in .*stop it"):
        marquee("features", command)
    assert marquee("features", "backfill", "--dry-run").exit_code == 0
    consumer.kill()  # not a clean end: the kernel gives the lock back
    consumer.wait()
    assert marquee("features", command).exit_code == 0
    assert wiring.features(console.settings()).read(1) is not None


def test_a_repeated_materialisation_leaves_the_online_store_to_the_consumer(
    marquee: Marquee, consumer: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_second_run(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", no_second_run)
    assert "the online one is left to the consumer" in marquee("features", "materialize", "--every", "1h").output


def test_a_consumer_of_another_home_does_not_block(marquee: Marquee, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setenv("MARQUEE_CONSUMER_METRICS_PORT", str(other.getsockname()[1]))
        console.settings.cache_clear()
        assert marquee("features", "materialize").exit_code == 0
