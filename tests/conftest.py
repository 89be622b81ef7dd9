"""Real services for tests: started on free ports, private to the run, stopped at its end."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import postgres
import pytest
from client_generator import generator

hypothesis.settings.register_profile("marquee", deadline=None)  # timings decide no test
hypothesis.settings.load_profile("marquee")

# Spark's Java is started by fork, and gRPC's threads (Milvus' client, used by tests before) run in a forked child until it
# becomes Java: now and then they crash it. Read when grpc is imported.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

KAFKA = Path(__file__).resolve().parents[1] / "deploy" / "kafka" / "kafka.py"
JARS = KAFKA.parents[2] / ".kafka"
SERVICES = {
    "redis": "redis-server (Debian package redis-server)",
    "milvus": "milvus-lite (a Python package of Marquee's own)",
    "kafka": "a broker named by MARQUEE_KAFKA_BOOTSTRAP (make kafka)",
    "chromium": "chromium (Debian package chromium)",
    "promtool": "promtool (Debian package prometheus)",
    "prometheus": "prometheus (Debian package prometheus)",
    "generator": "openapi-python-client in an environment of its own (make generator)",
    "postgresql": "PostgreSQL (Python package pgserver, of the extra dev)",
}


def _available(service: str) -> bool:
    if service == "redis":
        return shutil.which("redis-server") is not None
    if service == "milvus":
        return _milvus_command().exists()
    if service == "postgresql":
        return postgres.programs() is not None
    if service == "generator":
        return generator().exists()
    if service in ("chromium", "promtool", "prometheus"):
        return shutil.which(service) is not None
    return service == "kafka" and "MARQUEE_KAFKA_BOOTSTRAP" in os.environ


def _milvus_command() -> Path:
    return Path(sys.executable).with_name("milvus-lite")


def _required() -> set[str]:
    """Services whose absence is a failure; set in `.ci/run`, where a skip would be a lie."""
    return set(filter(None, os.environ.get("MARQUEE_REQUIRE_SERVICES", "").split(",")))


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("service"):
        name = marker.args[0]
        if _available(name):
            continue
        if name in _required():
            pytest.fail(f"{name} is required here (MARQUEE_REQUIRE_SERVICES) and missing: install {SERVICES[name]}")
        pytest.skip(f"needs {SERVICES[name]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """A function that finds a port nobody listens on."""
    return _free_port


def _wait_for(port: int, process: subprocess.Popen[bytes], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args} ended with {process.returncode} before it listened")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"{process.args} did not listen on {port} within {seconds} s")


def _served(command: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port, process)
        yield process
    finally:
        process.terminate()
        process.wait(timeout=10)


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A private Redis without persistence."""
    port = _free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    for _ in _served(command, port):
        yield f"redis://127.0.0.1:{port}/0"


@pytest.fixture(scope="session")
def postgres_uri() -> Iterator[str]:
    """A private PostgreSQL with an empty database."""
    with postgres.running() as uri:
        yield uri


@pytest.fixture(scope="session")
def milvus_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A private Milvus Lite server."""
    port = _free_port()
    folder = tmp_path_factory.mktemp("milvus")
    command = [str(_milvus_command()), "server", "--data-dir", str(folder), "--host", "127.0.0.1", "--port", str(port)]
    for _ in _served(command, port):
        yield f"http://127.0.0.1:{port}"


@dataclass
class Broker:
    """A Kafka broker of one's own, which a test may stop, kill and start again."""

    folder: Path
    port: int

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        self._run("start", "--port", str(self.port))

    def stop(self) -> None:
        self._run("stop")

    def kill(self) -> None:
        os.kill(int((self.folder / "broker.pid").read_text()), signal.SIGKILL)

    def _run(self, *arguments: str) -> None:
        command = [sys.executable, str(KAFKA), *arguments, "--folder", str(self.folder)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=90)


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A private broker that is running; a test that ends it starts it again. Its jars are those of `make kafka`."""
    folder = tmp_path_factory.mktemp("kafka")
    if (JARS / "libs").is_dir():
        (folder / "libs").symlink_to(JARS / "libs")
    broker = Broker(folder, _free_port())
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def kafka_bootstrap() -> str:
    """The broker that `make kafka` started."""
    return os.environ["MARQUEE_KAFKA_BOOTSTRAP"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """One mebibyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount a file system")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
