"""A real Prometheus scrapes a Marquee with traffic, and answers every query of every panel and every alert."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import tiny_release
import uvicorn
import yaml
from fastapi import FastAPI
from prometheus_client import start_http_server
from small_access import access_in

from app.usecases.experimenting import ExperimentOperations
from app.usecases.operating import ReleaseOperations
from core.events import IMPRESSIONS, INTERACTIONS
from core.ports import RetrainAnswer
from core.settings import Settings
from feature_repo.adapters.memory import MemoryFeatures
from lake import tables
from lake.adapters.memory import MemoryLake
from lake.items_feed import KnownItems
from lifecycle.adapters.memory import FolderRegistry
from lifecycle.experiments import ExperimentRecord
from lifecycle.ledger import PromotionLedger
from monitoring.adapters.memory import WassersteinDrift
from monitoring.journal import Journal
from monitoring.significance import SignificanceConfig
from monitoring.timeline import Timeline
from monitoring.watchdog import Watchdog, WatchdogConfig
from recommender.experiment import Experiment
from recommender.host import RecommenderHost
from recommender.live import Feeds, LiveRelease, Snapshot
from recommender.policy import Policy
from recommender.release import open_release
from retrieval.adapters.mirror import MirrorIndex
from serving import probes
from serving.factory import create_app
from serving.films.service import FilmService
from serving.health import Readiness
from serving.intake.ingestion import Ingestion
from serving.lists.feature_gate import FeatureGate
from serving.lists.service import RecommendService
from serving.operating import Operating
from serving.routes.api import Api
from streaming.adapters.memory import MemoryEventLog
from streaming.consumer import Consumer, Loop
from streaming.decoding import Contract
from streaming.handlers import impression_rows, known_interaction_rows
from streaming.learning.learner import OnlineLearner
from streaming.learning.learning_effect import LearningBudget, LearningEffect
from streaming.learning.transition_counter import TransitionCounter
from streaming.loops.feature_effect import FeatureEffect
from streaming.loops.interaction_loop import InteractionLoop, LoopConfig
from streaming.loops.lake_loop import LakeLoop
from streaming.statistics.statistics_loop import StatisticsLoop

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
DASHBOARDS = sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))
RATE_INTERVAL = "20s"  # what Grafana puts in the place of $__rate_interval; scrapes are a second apart here
PATIENCE = 40.0  # seconds until every panel has an answer
pytestmark = [pytest.mark.service("prometheus"), pytest.mark.service("promtool"), pytest.mark.slow]


class Refusing:
    """Retraining that never starts."""

    def ask(self, trigger: str, reasons: Sequence[str]) -> RetrainAnswer:
        return RetrainAnswer(False, f"not here: {trigger}, {reasons}")


class Marquee:
    """API, consumer and watchdog in this process, on the adapters in memory."""

    def __init__(self, folder: Path) -> None:
        bundle = tiny_release.build(folder / "build")
        registry = FolderRegistry(folder / "registry")
        registry.point("production", registry.register(bundle))
        self.lake = MemoryLake({tables.ITEMS: tiny_release.catalogue().to_frame()})
        self.log, self.features = MemoryEventLog(), MemoryFeatures()
        release = open_release(bundle)
        index = MirrorIndex()
        index.publish(release.name, release.catalogue.ids, release.item_vectors)
        snapshot = Snapshot.of(release, index)
        policies = {"control": Policy.load("default").exploring(0.05)}
        feeds = Feeds(*(folder / f"{name}.parquet" for name in ("item_stats", "learned_vectors", "later_transitions")))
        self.host = RecommenderHost(
            Experiment(), policies, lambda _: LiveRelease("1", snapshot, feeds), registry.version, interval=0.2
        )
        service = RecommendService(self.host, FeatureGate(self.features, timeout=5.0), self.log)
        readiness = Readiness([probes.event_log(self.log), probes.feature_store(self.features), probes.release(self.host)])
        ingestion = Ingestion(self.log, lambda: self.host.facts)
        parts = Api(
            service=service,
            films=FilmService(service),
            ingestion=ingestion,
            readiness=readiness,
            code_version="test",
            example_users=[1],
            erase=lambda _: {},
            change_item=lambda *_: pytest.fail("unused"),
            retraining=Refusing(),
            access=access_in(folder),
            decisions=lambda _: (),
            onboard=lambda *_: pytest.fail("unused"),
            experiments=ExperimentOperations(ExperimentRecord(PromotionLedger(self.lake, folder / "ledger")), folder),
            provenance=lambda _: pytest.fail("unused"),
            operating=Operating({}, ReleaseOperations(Settings(home=folder)), lambda _: [], lambda *_: {}),
        )
        self.app: FastAPI = create_app(parts)
        self.consumer = Consumer(self._loops(feeds, release))
        config = WatchdogConfig(interval=0.5, min_rows=20, significance=SignificanceConfig(min_users=5))
        journal = Journal(folder / "watch")
        timeline = Timeline(folder / "watch")
        self.watchdog = Watchdog(registry, self.lake, WassersteinDrift(), journal, Refusing(), config, timeline)

    def _loops(self, feeds: Feeds, release: Any) -> list[Loop]:
        items, config = KnownItems(self.lake), LoopConfig(poll=0.1)
        contract = Contract(items)
        interactions, impressions = partial(known_interaction_rows, contract=contract), partial(impression_rows, items=items)
        learner = OnlineLearner(release.encoder.encode_histories, release.item_vectors, release.stats.n_events)
        catalogue, budget = release.catalogue, LearningBudget(0.1)
        counter = TransitionCounter(len(catalogue), 10)
        learning = LearningEffect(
            self.features, learner, counter, lambda *_: None, catalogue, release.encoder.history, 0.0, budget
        )
        return [
            InteractionLoop(self.log, FeatureEffect(self.features, items.genres), contract, config, writes_dead_letters=True),
            LakeLoop(self.log, self.lake, INTERACTIONS, tables.INTERACTIONS, interactions, 0.1),
            LakeLoop(self.log, self.lake, IMPRESSIONS, tables.IMPRESSIONS, impressions, 0.1),
            StatisticsLoop(self.lake, items, feeds.stats, 0.2),
            InteractionLoop(self.log, learning, contract, config),
        ]


@contextmanager
def running(*work: Callable[[threading.Event], object]) -> Iterator[None]:
    stop = threading.Event()
    threads = [threading.Thread(target=one, args=(stop,)) for one in work]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=20)


def serving(app: FastAPI, port: int, stop: threading.Event) -> None:
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", access_log=False))
    threading.Thread(target=lambda: (stop.wait(), setattr(server, "should_exit", True)), daemon=True).start()
    server.run()


def visit(url: str, stop: threading.Event) -> None:
    """People who ask for lists and answer them, newcomers, and a client with a wrong item and one with a wrong path."""
    with httpx.Client(base_url=url, timeout=10.0) as http:
        turn = 0
        while not stop.is_set():
            turn += 1
            user = turn % 12 + 1
            try:
                made = http.get(f"/recommend/{user}").json()
                http.get(f"/recommend/new-{turn}")
                shown = [item["item_id"] for item in made["recommendations"][:3]]
                events = [{"user_id": user, "item_id": item, "kind": "rating", "value": 4.0, "request_id": made["request_id"]}
                          for item in shown]  # fmt: skip
                http.post("/events", json=events)
                http.post("/events", json={"user_id": user, "item_id": 987_654, "kind": "view"})
                http.get(f"/nothing/{turn}")
            except httpx.TransportError:  # it has not begun to listen
                pass
            stop.wait(0.1)


def scrape_config(folder: Path, ports: dict[str, int]) -> Path:
    """deploy/prometheus/prometheus.yml with our ports, a scrape a second, and the same rules."""
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    for job in config["scrape_configs"]:
        job["static_configs"] = [{"targets": [f"127.0.0.1:{ports[job['job_name']]}"]}]
    shutil.copy(PROMETHEUS / "alerts.yml", folder)
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(config))
    return path


@contextmanager
def prometheus(config: Path, port: int) -> Iterator[httpx.Client]:
    data = config.parent / "data"
    command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={data}", f"--web.listen-address=127.0.0.1:{port}"]
    with (config.parent / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10.0) as http:
                # it listens before it has opened its storage, and answers 503 until then
                wait_until(lambda: http.get("/-/ready").is_success, (config.parent / "log").read_text)
                yield http
        finally:
            process.terminate()
            process.wait(timeout=20)


def answer(http: httpx.Client, query: str) -> list[Any]:
    """The result of an instant query; fails with Prometheus' own words when it is not one."""
    reply = http.get("/api/v1/query", params={"query": query.replace("$__rate_interval", RATE_INTERVAL)}).json()
    assert reply["status"] == "success", f"{query}: {reply.get('error')}"
    return list(reply["data"]["result"])


def wait_until(true: Callable[[], bool], what: Callable[[], str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            if true():
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, what()
        time.sleep(0.5)


def value(http: httpx.Client, query: str) -> float:
    """Of a query with one result; 0 without any."""
    return sum(float(sample["value"][1]) for sample in answer(http, query))


strangers = partial(value, query='sum(marquee_requests_total{route="unmatched", job="api"})')  # requests for unknown paths
series = partial(value, query='count({__name__=~"marquee_.*", job="api"})')


def panels() -> dict[str, str]:
    """dashboard, panel and query -> query."""
    return {
        f"{path.stem}: {panel['title']}: {target['legendFormat']}": target["expr"]
        for path in DASHBOARDS
        for panel in json.loads(path.read_text())["panels"]
        for target in panel["targets"]
    }


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[httpx.Client]:
    """Prometheus, which scrapes a Marquee that people use."""
    folder = tmp_path_factory.mktemp("prometheus")
    marquee = Marquee(folder)
    ports = {job: free_port() for job in ("api", "consumer", "watchdog", "prometheus")}

    def follow(stop: threading.Event) -> None:
        while not stop.wait(0.2):
            marquee.host.look()

    with ExitStack() as stack:
        for job in ("consumer", "watchdog"):  # one process: all three export the same registry
            server, thread = start_http_server(ports[job], addr="127.0.0.1")
            stack.callback(thread.join)
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
        stack.enter_context(
            running(
                partial(serving, marquee.app, ports["api"]),
                partial(visit, f"http://127.0.0.1:{ports['api']}"),
                marquee.consumer.run,
                marquee.watchdog.run,
                follow,
            )
        )
        yield stack.enter_context(prometheus(scrape_config(folder, ports), ports["prometheus"]))


def test_every_panel_has_an_answer(http: httpx.Client) -> None:
    missing = panels()

    def answered() -> bool:
        for where, query in list(missing.items()):
            if any(sample["value"][1] not in ("NaN", "+Inf", "-Inf") for sample in answer(http, query)):
                del missing[where]
        return not missing

    wait_until(answered, lambda: "no answer:\n" + "\n".join(f"{where}: {query}" for where, query in missing.items()))


def test_a_panel_on_a_metric_that_nobody_exports_has_none(http: httpx.Client) -> None:
    assert answer(http, "rate(marquee_no_such_metric_total[20s])") == []


def test_every_alert_is_loaded_and_evaluates(http: httpx.Client) -> None:
    wanted = [rule for group in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"] for rule in group["rules"]]

    def rules() -> list[dict[str, Any]]:
        return [rule for group in http.get("/api/v1/rules").json()["data"]["groups"] for rule in group["rules"]]

    wait_until(lambda: all(rule["health"] == "ok" for rule in rules()), lambda: str(rules()))
    assert {rule["name"] for rule in rules()} == {rule["alert"] for rule in wanted}
    for rule in wanted:
        answer(http, rule["expr"])


def test_more_users_and_wrong_paths_are_no_more_series(http: httpx.Client) -> None:
    """Every turn of the traffic has a user and a path of its own; labels with them would grow without end."""
    wait_until(lambda: strangers(http) > 0, lambda: "no traffic")

    def twenty_turns_add_none() -> bool:
        before, turns = series(http), strangers(http)
        wait_until(lambda: strangers(http) > turns + 20, lambda: "no more traffic")
        return series(http) == before

    wait_until(twenty_turns_add_none, lambda: f"{series(http):.0f} series, and more with every request")
