"""What users notice while things break: real processes are killed, stopped and started again under load, and every answer counts.

Lists and events come in an open loop (`chaos_load.py`). Each fault has some seconds of calm, ten in which a process is dead
(SIGKILL, then it is started again) or stands still (SIGSTOP, then SIGCONT), and some in which all is to be well again. `swaps`
promotes and rolls back twenty times between a release and its twin. In the end every acknowledged event has to be in lake and
features, once. With two workers, the load does what a balancer does. What no list waits for (Kafka, MLflow, the consumer) runs
with nice 10.

    python benchmarks/chaos.py --home var                                    # after `make demo`; a quarter of an hour
    python benchmarks/chaos.py --home var --faults redis-kill,redis-stop --dry
    python benchmarks/chaos.py --home var --faults none --soak-minutes 20    # only the soak
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import chaos_twin
import numpy as np
import record
from chaos_found import Found, in_time, spread
from chaos_load import Answer
from chaos_rig import Rig, prioritised, rig
from chaos_soak import soaked
from served_home import data_hash, people, zipf

from app import wiring
from app.usecases import features, releasing
from core import columns as c
from lake.adapters.delta import DeltaLake
from lake.tables import INTERACTIONS, ITEMS

LOAD = Path(__file__).with_name("chaos_load.py")
BEHIND_ONE = ("redis", "milvus", "kafka", "mlflow", "consumer")  # what breaks behind one worker; then there are two
FAULTS = (*(f"{name}-{how}" for name in BEHIND_ONE for how in ("kill", "stop")), "swaps", "worker-kill", "worker-stop")
CALM, HELD, RECOVERY = 8.0, 10.0, 22.0  # seconds before a fault, in it, and after it
SWAPS, BETWEEN_SWAPS = 20, 6.0
MILVUS_SHARE = 0.25  # of the rates, where Milvus Lite is searched: it shares the cores and needs far more of them than a mirror
ON_RECORD = 20.0  # seconds after which what a list was made from is in the lake
DRAIN = 120.0  # seconds for acknowledged events to arrive


class Chaos:
    """A rig, the load on it, and everything that was found."""

    def __init__(self, rig: Rig, lists: float, events: float) -> None:
        self._rig = rig
        self._rates = lists, events
        self._crowd = rig.folder / "people.json"
        items = DeltaLake(rig.settings.folder("lake")).read(ITEMS)[c.ITEM].to_list()
        self._crowd.write_text(json.dumps({"people": zipf(people(rig.settings.home), 50_000), "items": items}))
        self.found: list[Found] = []

    @contextmanager
    def load(self, name: str, seconds: float, share: float = 1.0) -> Iterator[list[Answer]]:
        """Load at a `share` of the rates for so long; the answers are there at the end of the block."""
        lists, events = (share * rate for rate in self._rates)
        command = [sys.executable, str(LOAD), "--ports", ",".join(map(str, self._rig.ports)), "--people", str(self._crowd)]
        command += [
            "--name",
            f"{name}-{time.time():.0f}",
            "--lists",
            str(lists),
            "--events",
            str(events),
            "--seconds",
            str(seconds),
        ]
        answers: list[Answer] = []
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
            prioritised(process.pid)
            try:
                yield answers
                said, _ = process.communicate()
            finally:
                process.kill()  # in a session of its own, Ctrl-C does not reach it
        assert process.returncode == 0, "the load failed"
        answers += [Answer(**json.loads(line)) for line in said.splitlines()]

    def broken(self, name: str) -> None:
        """One process dead or still for HELD seconds."""
        service, how = name.rsplit("-", 1)
        victim = self._rig.services[service]
        with self.load(name, CALM + HELD + RECOVERY, MILVUS_SHARE if service == "milvus" else 1.0) as answers:
            time.sleep(CALM)
            begun = time.time()
            victim.signal(signal.SIGKILL if how == "kill" else signal.SIGSTOP)
            time.sleep(HELD)
            over = time.time()
            if how == "kill":
                victim.start()
                victim.wait()
            else:
                victim.signal(signal.SIGCONT)
        self._keep(Found(name, begun, over, answers))

    def swapped(self, name: str) -> dict[str, float]:
        """SWAPS promotions and rollbacks in turns."""
        settings = self._rig.settings
        registry = wiring.registry(settings)
        original = registry.version("production")
        twin = registry.register(chaos_twin.mirrored(registry.fetch(original), self._rig.folder))
        with self.load(name, CALM + SWAPS * BETWEEN_SWAPS + RECOVERY) as answers:
            time.sleep(CALM)
            begun = time.time()
            for number in range(SWAPS):
                due = begun + number * BETWEEN_SWAPS
                time.sleep(max(0.0, due - time.time()))
                if number % 2:
                    releasing.rollback(settings, False, lambda _: None, "chaos")
                else:
                    releasing.promote(settings, twin, True, False, lambda _: None, "chaos")
        found = Found(name, begun, begun + SWAPS * BETWEEN_SWAPS, answers)
        self._keep(found)
        made = [one for one in found.lists(0.0) if one.status == 200]
        names = {registry.tags(version)["release"] for version in (original, twin)}
        time.sleep(ON_RECORD)
        of_neither = sum(one.release not in names for one in made)
        mixed, judged = chaos_twin.mixed(settings, (one for one in made if one.release in names), (original, twin))
        shares = Counter(one.release for one in made)
        print(
            f"    of neither release {of_neither}, mixed {mixed} of {judged}; lists by release {list(shares.values())}",
            flush=True,
        )
        return {"of_neither_release": of_neither, "mixed": mixed, "judged": judged, "releases_seen": len(shares)}

    def quiet(self, seconds: float) -> dict[str, float]:
        """Load without a fault, while memory and files of the worker and the consumer are watched."""
        watched = {name: self._rig.services[name].process for name in ("worker", "consumer")}
        with self.load("soak", seconds) as answers:
            begun = time.time()
            levels = soaked(watched, seconds)
        found = Found("soak", begun, begun + seconds, answers)
        self.found.append(found)
        p50, p99, longest = spread(1e3 * np.array([one.seconds for one in found.lists(begun)]))
        print(
            f"{len(found.answers)} answers, {len(found.failed)} lists failed; p50 {p50:.1f}, p99 {p99:.1f}, max {longest:.0f} ms"
        )
        figures = {"answers": len(found.answers), "failed": len(found.failed), "p50_ms": p50, "p99_ms": p99, "max_ms": longest}
        return levels | {"in_time": in_time(found.lists(begun))} | figures

    def arrived(self) -> dict[str, float]:
        """What became of the acknowledged events."""
        sent = Counter(id_ for one in self.found for id_ in one.acknowledged)
        deadline = time.monotonic() + DRAIN
        while time.monotonic() < deadline and sent.keys() - set(stored := self._stored()):
            time.sleep(2.0)
        counted = Counter(stored)
        time.sleep(5.0)  # the features' group has its own pace
        skew = features.verify(self._rig.settings, sample=1_000_000, seed=1)
        found = {
            "acknowledged": len(sent),
            "lost": sum(id_ not in counted for id_ in sent),
            "duplicated": sum(counted[id_] > 1 for id_ in sent),
            "users_compared": skew.checked,
            "users_with_other_features": len(skew.missing) + len(skew.different),
            "tracebacks_in_logs": self._rig.tracebacks(),
            "tracebacks_in_answers": sum("Traceback" in one.said for found in self.found for one in found.answers),
        }
        print("events: " + ", ".join(f"{name} {count}" for name, count in found.items()), flush=True)
        return {f"events_{name}": float(count) for name, count in found.items()}

    def _stored(self) -> list[str]:
        return list(wiring.lake(self._rig.settings).read(INTERACTIONS)[c.EVENT_ID].to_list())

    def _keep(self, found: Found) -> None:
        self.found.append(found)
        print(found, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--home", type=Path, required=True, help="a Marquee home with a release, for example that of the demo; only read"
    )
    parser.add_argument("--faults", default=",".join(FAULTS), help="which, with commas, or none (default: all)")
    parser.add_argument("--lists", type=float, default=20.0, help="a second")
    parser.add_argument("--events", type=float, default=5.0, help="a second")
    parser.add_argument(
        "--soak-minutes", type=float, default=0.0, help="load without a fault for so long, memory and files watched"
    )
    parser.add_argument("--name", default="chaos", help="of the result file")
    parser.add_argument("--logs", type=Path, help="keep the processes' logs in this folder")
    parser.add_argument("--dry", action="store_true", help="write no result file")
    given = parser.parse_args()
    wanted = [] if given.faults == "none" else given.faults.split(",")
    if unknown := set(wanted) - set(FAULTS):
        raise SystemExit(f"there is no fault {', '.join(sorted(unknown))}; there are {', '.join(FAULTS)}")
    with tempfile.TemporaryDirectory() as folder, rig(given.home, Path(folder), given.logs or Path(folder)) as made:
        for name in ("consumer", "worker"):
            made.services[name].again()
        chaos, figures = (
            Chaos(made, given.lists, given.events),
            {"lists_per_second": given.lists, "events_per_second": given.events},
        )
        with chaos.load("warm", 10.0):
            print("everything runs; ten seconds to warm up", flush=True)
        for name in wanted:
            figures |= {f"{name}_{key}": value for key, value in _one(chaos, made, name).items()}
        if given.soak_minutes:
            figures |= {f"soak_{key}": value for key, value in chaos.quiet(60 * given.soak_minutes).items()}
        figures |= chaos.arrived()
    if not given.dry:
        print(record.write(given.name, data_hash(given.home), figures))


def _one(chaos: Chaos, made: Rig, name: str) -> dict[str, float]:
    """One fault; its figures, none where the service cannot be had."""
    if name == "swaps":
        extra = chaos.swapped(name)
        return chaos.found[-1].figures() | extra
    service = name.rsplit("-", 1)[0]
    if service not in made.services:
        print(f"{name}: skipped, there is no {service} here", flush=True)
        return {"skipped": 1}
    # by itself a catalogue of this size is searched in the process, and Milvus is only compared with
    made.services["worker"].again(MARQUEE_VECTOR_SEARCH="milvus" if service == "milvus" else "auto")
    if service == "worker":
        made.services["worker2"].again()
    chaos.broken(name)
    return chaos.found[-1].figures()


if __name__ == "__main__":
    main()
