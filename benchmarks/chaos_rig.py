"""A Marquee in real processes, each of which can be killed, stopped and started again: what `benchmarks/chaos.py` breaks.

A copy of a home, with an event log that begins anew: the features of streamed events name offsets of the log that they came from.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import psutil
import record
from served_home import free_port

from app import processes
from core import columns as c
from core.settings import Settings
from lake.adapters.delta import DeltaLake
from lake.tables import IMPRESSIONS, INTERACTIONS, LISTS

KAFKA = record.ROOT / "deploy" / "kafka" / "kafka.py"
JARS = record.ROOT / ".kafka" / "libs"
PATIENCE = 120.0  # seconds for a process to be ready
STOP_SECONDS = 30.0
ASIDE = 10  # niceness of what no list waits for: its starts are not to take cores that it would not share elsewhere


@dataclass
class Service:
    """A process that may die."""

    name: str
    command: tuple[str, ...]
    ready: Callable[[], bool]
    env: dict[str, str]
    log: Path
    aside: bool = False  # whether no list waits for it
    started: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.started is not None
        return self.started.pid

    @property
    def process(self) -> psutil.Process:
        return psutil.Process(self.pid)

    def start(self) -> None:
        """Start it; `wait` says when it is ready."""
        with self.log.open("ab") as output:
            self.started = subprocess.Popen(
                self.command,
                env={**os.environ, **self.env},
                cwd=record.ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        prioritised(self.started.pid, ASIDE if self.aside else 0)

    def wait(self) -> None:
        """Until it is ready. Raises SystemExit with the end of its log."""
        deadline = time.monotonic() + PATIENCE
        while not self.ready():
            if time.monotonic() > deadline or (self.started is not None and self.started.poll() is not None):
                raise SystemExit(f"{self.name} does not start:\n{self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.1)

    def again(self, **env: str) -> None:
        """Ready with these environment variables; what runs with others is ended first."""
        if self.started is not None and not env.items() <= self.env.items():
            self.end()
            self.started = None
        self.env |= env
        if self.started is None:
            self.start()
            self.wait()

    def signal(self, number: signal.Signals) -> None:
        """To it and its children."""
        os.killpg(self.pid, number)

    def end(self) -> None:
        """Let it go on, if it was stopped, and ask it to end."""
        if self.started is None or self.started.poll() is not None:
            return
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            self.started.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self.started.wait()


@dataclass
class Broker(Service):
    """Kafka, which its own script starts in the background."""

    folder: Path = Path()

    @property
    def pid(self) -> int:
        return int((self.folder / "broker.pid").read_text())

    def start(self) -> None:
        subprocess.run(self.command, check=True, stdout=subprocess.DEVNULL)
        prioritised(self.pid, ASIDE)

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def end(self) -> None:
        if (self.folder / "broker.pid").is_file() and psutil.pid_exists(self.pid):
            self.signal(signal.SIGCONT)
            subprocess.run(
                [sys.executable, str(KAFKA), "stop", "--folder", str(self.folder)], check=True, stdout=subprocess.DEVNULL
            )


@dataclass
class Rig:
    """The processes by name: redis, kafka (where it can be had), milvus, mlflow, consumer, worker, another worker."""

    folder: Path
    logs: Path
    settings: Settings
    env: dict[str, str]
    services: dict[str, Service] = field(default_factory=dict)

    @property
    def ports(self) -> list[int]:
        """Of the API processes that run."""
        names = [name for name in self.services if name.startswith("worker")]
        return [int(self.services[name].env["MARQUEE_API_PORT"]) for name in names if self.services[name].started is not None]

    def marquee(self, *arguments: str, **env: str) -> None:
        """A `marquee` command on this home, to its end."""
        command = [sys.executable, "-m", "app", *arguments]
        subprocess.run(command, env={**os.environ, **self.env, **env}, check=True, cwd=record.ROOT, stdout=subprocess.DEVNULL)

    def tracebacks(self) -> int:
        """In the logs of Marquee's own processes."""
        names = [name for name in self.services if name.startswith(("worker", "consumer"))]
        logs = [self.services[name].log for name in names if self.services[name].log.is_file()]
        return sum(log.read_text(errors="replace").count("Traceback (most recent") for log in logs)


def prioritised(pid: int, nicer: int = 0) -> None:
    """Let a process that leads a session have the niceness of this one and `nicer`: Linux weighs sessions, not processes."""
    nice = min(19, os.getpriority(os.PRIO_PROCESS, 0) + nicer)
    os.setpriority(os.PRIO_PROCESS, pid, nice)
    session = Path(f"/proc/{pid}/autogroup")
    if session.exists():
        session.write_text(str(nice))


def begun_anew(home: Path) -> None:
    """Keep the imported history alone, as `marquee init` would leave it: streamed events name offsets of the log that was."""
    lake = DeltaLake(home / "lake")
    imported = lake.read(INTERACTIONS).filter(pl.col(c.OFFSET) < 0)
    for table in (INTERACTIONS, IMPRESSIONS, LISTS):
        shutil.rmtree(home / "lake" / table, ignore_errors=True)
    shutil.rmtree(home / "events", ignore_errors=True)
    lake.append(INTERACTIONS, imported)


@contextmanager
def rig(home: Path, folder: Path, logs: Path) -> Iterator[Rig]:
    """Everything, on a copy of `home` under `folder`; the workers and the consumer are there and not started yet."""
    copy = folder / "home"
    logs.mkdir(parents=True, exist_ok=True)
    shutil.copytree(home, copy, ignore=shutil.ignore_patterns("milvus", "logs", "run", "train", "datasets"))
    begun_anew(copy)
    names = ("MLFLOW", "MILVUS", "CONSUMER_METRICS", "REDIS", "KAFKA", "KAFKA_CONTROLLER")
    port = {name: free_port() for name in names}
    kafka = shutil.which("java") is not None and (bool(os.environ.get("KAFKA_HOME")) or JARS.is_dir() or shutil.which("mvn"))
    env = {
        "MARQUEE_HOME": str(copy),
        "MARQUEE_REDIS_URL": f"redis://127.0.0.1:{port['REDIS']}/0",
        "MARQUEE_MLFLOW_PORT": str(port["MLFLOW"]),
        "MARQUEE_MILVUS_PORT": str(port["MILVUS"]),
        "MARQUEE_CONSUMER_METRICS_PORT": str(port["CONSUMER_METRICS"]),
        "MARQUEE_EVENT_LOG": "kafka" if kafka else "embedded",
        "MARQUEE_KAFKA_BOOTSTRAP": f"127.0.0.1:{port['KAFKA']}",
    }
    made = Rig(folder, logs, settings_of(env), env)
    made.services["redis"] = _redis(folder, port["REDIS"], logs)
    if kafka:
        made.services["kafka"] = _broker(folder, port["KAFKA"], logs)
    for process in (processes.milvus(made.settings), processes.mlflow_ui(made.settings)):
        made.services[process.name] = _service(process, process.name, process.env, logs, process.name == "mlflow")
    with ExitStack() as stack:
        for service in made.services.values():
            stack.callback(service.end)
            service.start()
        for service in made.services.values():
            service.wait()
        made.marquee("features", "backfill")
        env["MARQUEE_MLFLOW_TRACKING_URI"] = f"http://127.0.0.1:{port['MLFLOW']}"  # from here on through the server
        made.settings = settings_of(env)
        for name in ("consumer", "worker", "worker2"):
            made.services[name] = _own(made, name)
            stack.callback(made.services[name].end)
        yield made


def settings_of(env: Mapping[str, str]) -> Settings:
    """The settings that a process with this environment has."""
    return Settings(**{name.removeprefix("MARQUEE_").lower(): value for name, value in env.items()})  # type: ignore[arg-type]


def _own(made: Rig, name: str) -> Service:
    """One of Marquee's own processes."""
    env = made.env | ({"MARQUEE_API_PORT": str(free_port())} if name.startswith("worker") else {})
    process = (processes.api if name.startswith("worker") else processes.consumer)(settings_of(env))
    return _service(process, name, env, made.logs, name == "consumer")


def _service(process: processes.Process, name: str, env: dict[str, str], logs: Path, aside: bool) -> Service:
    return Service(name, process.command, process.ready, env, logs / f"{name}.log", aside)


def _redis(folder: Path, port: int, logs: Path) -> Service:
    """As in docker-compose.yml: what it acknowledged outlives its process."""
    data = folder / "redis"
    data.mkdir()
    command = ("redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(data), "--save", "")
    kept = ("--appendonly", "yes", "--appendfsync", "everysec", "--hash-max-listpack-value", "4096")
    return Service("redis", (*command, *kept), lambda: processes.listening("127.0.0.1", port), {}, logs / "redis.log")


def _broker(folder: Path, port: int, logs: Path) -> Broker:
    data = folder / "kafka"
    data.mkdir()
    if JARS.is_dir():
        (data / "libs").symlink_to(JARS)
    command = (sys.executable, str(KAFKA), "start", "--port", str(port), "--folder", str(data))
    return Broker("kafka", command, lambda: processes.listening("127.0.0.1", port), {}, logs / "kafka.log", folder=data)
