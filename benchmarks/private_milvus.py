"""A Milvus Lite of one's own: on a free port and a temporary folder, gone at the end."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

_START_SECONDS = 60


@dataclass(frozen=True)
class PrivateMilvus:
    """Where it listens, and what it costs."""

    uri: str
    process: psutil.Process
    folder: Path

    @property
    def rss(self) -> float:
        """Resident memory now, in GiB."""
        return float(self.process.memory_info().rss) / 2**30

    @property
    def disk(self) -> float:
        """Bytes of its files, in GiB."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file()) / 2**30


@contextmanager
def private_milvus() -> Iterator[PrivateMilvus]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryDirectory() as folder:
        command = [str(Path(sys.executable).with_name("milvus-lite")), "server", "--data-dir", folder]
        server = subprocess.Popen([*command, "--host", "127.0.0.1", "--port", str(port)], stdout=subprocess.DEVNULL)
        try:
            _wait(server, port)
            yield PrivateMilvus(f"http://127.0.0.1:{port}", psutil.Process(server.pid), Path(folder))
        finally:
            server.terminate()
            server.wait(timeout=30)


def _wait(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("Milvus Lite did not start")
