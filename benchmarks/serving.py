"""How fast one process on one core makes full lists, beside what a user would write instead, in one run (section E).

The server runs on one core, the load comes from a process on another one. In turns of a few seconds each: a trivial route of the
same server, full lists for one client, full lists for sixteen; then a server that shows lists again from its cache; then
`serving_rival.py` (FastAPI, `implicit`'s ALS, histories in Redis); then full lists at rising rates in an open loop, up to the
knee. Users are drawn by a Zipf law from those of the home, whose features are copied into a Redis of the benchmark's own; the
home is copied too, and only read.

    python benchmarks/serving.py --home var                       # after `make demo`
    python benchmarks/serving.py --home var --seconds 5 --rates 50,100   # a quick look
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import record
from feature_reads import private_redis
from prometheus_client.parser import text_string_to_metric_families
from served_home import data_hash, free_port, people, zipf

from app.processes import answers

HERE = Path(__file__).parent
SERVER_CORE, LOAD_CORE = 0, 1
RATES = (25, 50, 75, 100, 125, 150, 200, 250, 300, 350, 400, 500, 600)
START_SECONDS = 120.0
KNEE_MS = 100.0  # p99 beyond which a rate is past the knee
REQUESTS = 50_000  # paths that the load goes through
STAGES = "marquee_stage_seconds"


@dataclass(frozen=True)
class Server:
    """A server under test."""

    name: str
    process: psutil.Process
    port: int
    paths: Path

    @property
    def cpu(self) -> float:
        """Seconds of CPU so far, of all its threads."""
        used = self.process.cpu_times()
        return float(used.user + used.system)


@dataclass(frozen=True)
class Measured:
    """What one load saw."""

    rate: float  # answers a second
    p50: float  # milliseconds
    p99: float
    p999: float
    cpu: float  # milliseconds of the server's CPU an answer
    failed: int
    degraded: int  # answers by another strategy than the full one

    @classmethod
    def of(cls, found: Mapping[str, object], cpu: float) -> Measured:
        taken = np.array(found["milliseconds"])
        statuses, strategies = dict(found["statuses"]), dict(found["strategies"])  # type: ignore[call-overload]
        p50, p99, p999 = np.percentile(taken, [50, 99, 99.9])
        full = strategies.get("two_tower", 0) + strategies.get("als", 0)
        return cls(
            rate=len(taken) / float(found["seconds"]),  # type: ignore[arg-type]
            p50=float(p50),
            p99=float(p99),
            p999=float(p999),
            cpu=1e3 * cpu / len(taken),
            failed=sum(statuses.values()) - statuses.get("200", 0),
            degraded=sum(strategies.values()) - full,
        )

    def figures(self, name: str) -> dict[str, float]:
        """For the result file."""
        return {f"{name}_{key}": value for key, value in vars(self).items()}

    def __str__(self) -> str:
        said = (
            f"{self.rate:7.0f}/s   p50 {self.p50:7.2f}   p99 {self.p99:8.2f}   p99.9 {self.p999:8.2f} ms   CPU {self.cpu:6.2f} ms"
        )
        return (
            said + (f"   {self.failed} failed" if self.failed else "") + (f"   {self.degraded} degraded" if self.degraded else "")
        )


@contextmanager
def serving(name: str, command: list[str], port: int, env: Mapping[str, str], paths: Path, ready: str) -> Iterator[Server]:
    """The server on its core, once it answers."""
    log = paths.with_suffix(f".{name}.log")
    with log.open("wb") as output:
        pinned = ["taskset", "-c", str(SERVER_CORE), *command]
        process = subprocess.Popen(pinned, env={**os.environ, **env}, stdout=output, stderr=subprocess.STDOUT, cwd=record.ROOT)
    try:
        begin = time.perf_counter()
        while not answers(f"http://127.0.0.1:{port}{ready}"):
            if process.poll() is not None or time.perf_counter() - begin > START_SECONDS:
                raise SystemExit(f"{name} does not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.1)
        print(f"{name}: ready after {time.perf_counter() - begin:.1f} s")
        yield Server(name, psutil.Process(process.pid), port, paths)
    finally:
        process.terminate()
        process.wait(30)


def loaded(server: Server, seconds: float, rate: float = 0.0, clients: int = 1, paths: Path | None = None) -> Measured:
    """What a load on the server saw."""
    command = [sys.executable, str(HERE / "serving_load.py"), "--port", str(server.port), "--paths", str(paths or server.paths)]
    command += ["--seconds", str(seconds), "--rate", str(rate), "--clients", str(clients), "--core", str(LOAD_CORE)]
    before, seen = server.cpu, server.paths.with_suffix(".seen.json")
    done = subprocess.run([*command, "--out", str(seen)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"the load on {server.name} failed:\n{done.stderr[-2000:]}")
    return Measured.of(json.loads(seen.read_text()), server.cpu - before)


def stages(server: Server) -> dict[str, tuple[float, float]]:
    """Seconds and calls of each stage of the pipeline so far."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics") as response:
        text = response.read().decode()
    found: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples if family.name == STAGES else ():
            if sample.name.endswith(("_sum", "_count")):
                name = f"{sample.labels['stage']}_{sample.labels['part']}"
                found.setdefault(name, {})[sample.name.rsplit("_", 1)[1]] = sample.value
    return {name: (one["sum"], one["count"]) for name, one in found.items()}


def swept(server: Server, rates: list[float], seconds: float) -> dict[float, Measured]:
    """Full lists at rising rates, until the p99 is past the knee."""
    found: dict[float, Measured] = {}
    for rate in rates:
        found[rate] = loaded(server, seconds, rate=rate)
        print(f"  open loop {rate:5.0f}/s: {found[rate]}", flush=True)
        if found[rate].p99 > KNEE_MS or found[rate].failed:
            break
    return found


def knee(sweep: Mapping[float, Measured]) -> float:
    """The highest rate whose p99 is within bounds; 0 if none is."""
    return max((rate for rate, one in sweep.items() if one.p99 <= KNEE_MS and not one.failed), default=0.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="a Marquee home with a release, for example that of the demo")
    parser.add_argument("--name", default="serving", help="of the result file")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each load")
    parser.add_argument("--rates", default=",".join(map(str, RATES)), help="lists a second")
    parser.add_argument("--no-rival", action="store_true")
    parser.add_argument("--dry", action="store_true", help="write no result file")
    given = parser.parse_args()
    if len(os.sched_getaffinity(0)) < 2:
        raise SystemExit("this benchmark needs two cores: one for the server, one for the load")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        home = folder / "home"
        shutil.copytree(given.home, home, ignore=shutil.ignore_patterns("milvus", "logs", "run", "train", "datasets"))
        redis, port = stack.enter_context(private_redis()), free_port()
        env = {"MARQUEE_HOME": str(home), "MARQUEE_REDIS_URL": redis, "MARQUEE_API_PORT": str(port)}
        env |= {"MARQUEE_VECTOR_SEARCH": "mirror", "MARQUEE_RATE_LIMIT": "1000000", "MARQUEE_LIST_CACHE_SECONDS": "0"}
        subprocess.run(
            [sys.executable, "-m", "app", "features", "backfill"], env={**os.environ, **env}, check=True, cwd=record.ROOT
        )
        users = zipf(people(home), REQUESTS)
        paths, trivial = folder / "lists", folder / "trivial"
        paths.write_text("\n".join(f"/recommend/{user}?k=20" for user in users))
        trivial.write_text("/health/live")
        figures: dict[str, float] = {}
        marquee = stack.enter_context(
            serving("marquee", [sys.executable, "-m", "app", "serve"], port, env, paths, "/health/ready")
        )
        figures |= measured(marquee, trivial, given.seconds)
        figures |= kept(env, paths, trivial, given.seconds)
        if not given.no_rival:
            figures |= compared(folder / "lists", home, redis, trivial, given.seconds)
        sweep = swept(marquee, [float(rate) for rate in given.rates.split(",")], given.seconds)
        figures["knee"] = knee(sweep)
        for rate, one in sweep.items():
            figures |= one.figures(f"open_{rate:.0f}")
        figures["rss_mib"] = marquee.process.memory_info().rss / 2**20
        print(f"knee: {figures['knee']:.0f} lists/s with p99 <= {KNEE_MS:.0f} ms; resident {figures['rss_mib']:.0f} MiB")
    if "rival_sixteen_rate" in figures:
        print(f"CPU a list: {figures['marquee_sixteen_cpu'] / figures['rival_sixteen_cpu']:.2f} times the rival's")
    if not given.dry:
        print(record.write(given.name, data_hash(given.home), figures))


def measured(server: Server, trivial: Path, seconds: float) -> dict[str, float]:
    """The trivial route, then lists for one client and for sixteen, and what each stage took."""
    loaded(server, 3.0)  # warm
    figures: dict[str, float] = {}
    before: dict[str, tuple[float, float]] = {}
    for name, clients, paths in (("trivial", 16, trivial), ("one", 1, None), ("sixteen", 16, None)):
        if name == "one":
            before = stages(server) if server.name == "marquee" else {}
        found = loaded(server, seconds, clients=clients, paths=paths)
        print(f"  {name:8s} {found}", flush=True)
        figures |= found.figures(f"{server.name}_{name}")
        if name == "one" and before:
            figures |= spent(before, stages(server))
    return figures


def kept(env: Mapping[str, str], paths: Path, trivial: Path, seconds: float) -> dict[str, float]:
    """The same loads where lists are shown again for an hour, once each has been made."""
    port = free_port()
    env = {**env, "MARQUEE_API_PORT": str(port), "MARQUEE_LIST_CACHE_SECONDS": "3600"}
    with serving("cached", [sys.executable, "-m", "app", "serve"], port, env, paths, "/health/ready") as cached:
        for path in sorted(set(paths.read_text().split())):
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}").read()
        figures = measured(cached, trivial, seconds)
    print(f"cached lists: {figures['cached_sixteen_rate'] / figures['cached_trivial_rate']:.2f} of the trivial route's rate")
    return figures


def spent(before: Mapping[str, tuple[float, float]], after: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """Milliseconds a call of each stage between two looks."""
    figures: dict[str, float] = {}
    for name, (seconds, calls) in sorted(after.items(), key=lambda one: -one[1][0]):
        earlier = before.get(name, (0.0, 0.0))
        if calls > earlier[1]:
            figures[f"stage_{name}_ms"] = 1e3 * (seconds - earlier[0]) / (calls - earlier[1])
            print(f"    {name:40s} {figures[f'stage_{name}_ms']:.3f} ms")
    return figures


def compared(paths: Path, home: Path, redis: str, trivial: Path, seconds: float) -> dict[str, float]:
    """The same loads on the rival."""
    port = free_port()
    env = {
        "RIVAL_HOME": str(home),
        "RIVAL_REDIS": redis,
        "PYTHONPATH": str(HERE),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "uvicorn", "serving_rival:app", "--port", str(port), "--log-level", "warning"]
    with serving("rival", [*command, "--no-access-log"], port, env, paths, "/health/live") as rival:
        return measured(rival, trivial, seconds)


if __name__ == "__main__":
    main()
