"""The processes, assembled: API, consumer, watchdog and training run."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from app import wiring
from app.code_version import code_version as code_version_of
from app.ops.ownership import consuming, sole_builder
from app.usecases import experimenting, steps
from app.usecases.explaining import latest_decisions
from app.usecases.gorse import gorse
from app.usecases.onboarding import remember
from app.usecases.operating import operating
from app.usecases.privacy.erase import erase_everywhere
from app.usecases.privacy.inventory import inventory
from app.usecases.provenance import opener, provenance
from app.usecases.retraining import RequestedRetraining, Retrainer
from core import columns as c
from core.background import Background
from core.errors import InvalidInput
from core.garbage import freeze
from core.ids import ExternalId, shown
from core.one_thread import compute_in_one_thread
from core.ports import Echo, EventLog, FeatureReader
from core.settings import Settings
from lake.item_changes import change

if TYPE_CHECKING:
    from fastapi import FastAPI

    from recommender.host import RecommenderHost
    from serving.lists.service import RecommendService

EXAMPLE_USERS = 100
API_PATIENCE = 1.5  # seconds for which a request waits for the event log before its events go to the outbox
_log = logging.getLogger(__name__)


def api(settings: Settings) -> FastAPI:
    """The API on the releases of the running experiment.

    Raises NotFound without a production release, SchemaMismatch when it does not fit this code.
    """
    from app.hosting import host_of
    from serving import probes
    from serving.factory import create_app
    from serving.films.service import FilmService
    from serving.health import Readiness
    from serving.intake.ingestion import Ingestion
    from serving.lists.service import following
    from serving.routes.api import Api

    wiring.observed(settings, "api")
    steps.require_release(settings)
    host = host_of(settings)
    log, features, lake = wiring.event_log(settings, API_PATIENCE), wiring.features(settings), wiring.lake(settings)
    accepting = wiring.accepting_log(settings, log)
    code_version = code_version_of(settings)
    service = _lists(settings, host, features, log, code_version)
    follower, stop_following = following(
        host, min(settings.statistics_interval, settings.learn_interval, settings.release_interval)
    )
    follower.start()
    checks = (
        probes.release(host),
        probes.experiments(host),
        accepting.check,
        probes.feature_store(features, features.concern),
        probes.vector_index(host),
        probes.lake(lake),
        probes.background((service.impressions.background, service.outcomes.writer.background, follower, *accepting.background)),
    )

    stores = inventory(settings, lake, features)
    as_gorse = gorse(settings, lake)
    parts = Api(
        service=service,
        films=FilmService(service),
        ingestion=Ingestion(accepting.log, lambda: host.facts, settings.max_batch_events, clock_rule=wiring.clock_rule(settings)),
        readiness=Readiness(checks),
        code_version=code_version,
        example_users=_example_users(settings),
        erase=lambda user: erase_everywhere(stores, lake, features, user).as_json(),
        onboard=partial(remember, features, lake),
        retraining=RequestedRetraining(settings),
        change_item=lambda item, values: change(lake, [item], values),
        access=wiring.access(settings),
        experiments=experimenting.operations(settings),
        decisions=partial(latest_decisions, settings),
        provenance=partial(provenance, lake, opener(wiring.registry(settings))),
        operating=operating(settings, log, lake),
        gorse=as_gorse,
    )
    closers = stop_following, accepting.log.close, features.close, *((as_gorse.store.close,) if as_gorse else ())
    return create_app(parts, settings.max_body_bytes, settings.origins, closers)


def _lists(
    settings: Settings, host: RecommenderHost, features: FeatureReader, log: EventLog, code_version: str
) -> RecommendService:
    from serving.lists.feature_gate import FeatureGate
    from serving.lists.list_cache import CacheConfig, ListCache
    from serving.lists.service import RecommendService

    return RecommendService(
        host,
        FeatureGate(features),
        log,
        patience=settings.list_patience,
        shadow_share=settings.shadow_share,
        code_version=code_version,
        cache=ListCache(CacheConfig(settings.list_cache_seconds)),
    )


def served_api(settings: Settings) -> FastAPI:
    """`api`, for a process that does nothing else: what exists once it is made lives as long as the process."""
    compute_in_one_thread()
    made = api(settings)
    freeze()
    return made


def serve(settings: Settings) -> None:
    """The API until SIGINT or SIGTERM."""
    import uvicorn

    from serving.http.impatient import ImpatientProtocol

    uvicorn.run(
        served_api(settings),
        host=settings.api_host,
        port=settings.api_port,
        http=ImpatientProtocol,
        log_level="warning",
        log_config=None,  # its messages go the way of ours
        access_log=False,
        timeout_graceful_shutdown=10,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
    )


def consume(settings: Settings) -> None:
    """The stream consumer until SIGINT or SIGTERM; what was polled is applied and committed first."""
    wiring.observed(settings, "consumer")
    compute_in_one_thread()
    with consuming(settings.home):
        _consume(settings)


def _consume(settings: Settings) -> None:
    from app.usecases.consuming import loops
    from streaming.consumer import Consumer

    log, features = wiring.event_log(settings, member=True), wiring.features(settings)
    features.apply()
    _require_same_log(settings)
    try:
        _with_metrics(settings, settings.consumer_metrics_port, Consumer(loops(settings, log, features)).run)
    finally:
        log.close()
        features.close()


def _require_same_log(settings: Settings) -> None:
    """Features record which events are in them by the log's offsets, which mean nothing in another log. Raises InvalidInput."""
    marker = settings.folder("events") / "applied_from"
    marker.parent.mkdir(parents=True, exist_ok=True)
    known = marker.read_text() if marker.is_file() else settings.event_log
    if known != settings.event_log:
        raise InvalidInput(
            "MARQUEE_EVENT_LOG",
            settings.event_log,
            f"{known}, whose offsets the features under {settings.home} carry; for another log start with another MARQUEE_HOME",
        )
    marker.write_text(known)


def watch(settings: Settings, once: bool) -> None:
    """The watchdog until SIGINT or SIGTERM, or one check."""
    from app.usecases import rolling_out
    from app.usecases.noticing import notice
    from monitoring.adapters.apart import ApartDrift
    from monitoring.adapters.evidently import EvidentlyDrift
    from monitoring.journal import Journal
    from monitoring.reward import RewardConfig
    from monitoring.significance import SignificanceConfig
    from monitoring.timeline import Timeline
    from monitoring.watch import WatchConfig
    from monitoring.watchdog import Watchdog, WatchdogConfig

    wiring.observed(settings, "watchdog")
    retrainer = Retrainer(settings)
    watchdog = Watchdog(
        wiring.registry(settings),
        wiring.lake(settings),
        ApartDrift(EvidentlyDrift()),
        Journal(settings.folder("watch")),
        retrainer,
        WatchdogConfig(
            interval=settings.watch_interval,
            window=settings.watch_window,
            attribution=settings.attribution_hours * 3600,
            significance=SignificanceConfig(settings.drift_level, settings.drift_min_effect, settings.drift_min_users),
            reward=RewardConfig(level=settings.drift_level),
            decision=WatchConfig(
                drift_share=settings.drift_share,
                retrain=settings.retrain,
                drifted_windows=settings.drifted_windows,
                of_windows=settings.drift_of_windows,
            ),
        ),
        timeline=Timeline(settings.folder("watch")),
    )
    if once:
        notice(wiring.registry(settings), wiring.ledger(settings))
        watchdog.check()
        retrainer.wait()
        return

    def run(stop: threading.Event) -> None:
        letting_in = Background("rollouts", partial(rolling_out.keep, settings, stop))
        attendant = threading.Thread(target=retrainer.attend, args=(stop,), name="retraining")
        letting_in.start()
        attendant.start()
        watchdog.run(stop)
        attendant.join()
        letting_in.stop(5.0)

    _with_metrics(settings, settings.watchdog_metrics_port, run)


def train(settings: Settings, config: Path, seed: int, echo: Echo, devices: int = 1, nodes: int = 1) -> None:
    """Train the towers on everything in the lake, export them to `train/towers`, and log the run to MLflow.

    Of the processes that torchrun started, only the first one locks the folder, exports and logs.
    """
    from retrieval.config import TrainConfig
    from retrieval.export import export
    from retrieval.threads import training_threads
    from retrieval.training import process_rank, train_towers

    found = steps.stored(settings)
    training = TrainConfig.load(config)
    workdir = settings.folder("train")
    leads = process_rank() == 0
    with sole_builder(settings.home) if leads else nullcontext(), training_threads(settings.train_threads):
        trained = train_towers(
            found.interactions,
            found.catalogue,
            training,
            workdir,
            seed=seed,
            progress=leads,
            profiles=found.profiles,
            devices=devices,
            nodes=nodes,
        )
        if not leads:
            return
        folder = workdir / "towers"
        folder.mkdir(parents=True, exist_ok=True)
        export(trained, folder)
    metrics = {name: float(value) for name, value in trained.metrics.items()}
    parameters = {**training.model_dump(), "seed": seed, **found.data_version}
    run = wiring.tracker(settings).log(f"towers-{seed}", parameters, metrics, sorted(folder.iterdir()))
    echo(f"towers in {folder}; MLflow run {run}; " + ", ".join(f"{name} {value:.4f}" for name, value in metrics.items()))


def _example_users(settings: Settings) -> list[ExternalId]:
    """Users with a history to look at: the most active ones."""
    counts = steps.events(settings).group_by(c.USER, c.EXTERNAL_USER).len().sort("len", c.USER, descending=[True, False])
    most_active = counts.head(EXAMPLE_USERS).sort(c.USER).select(c.USER, c.EXTERNAL_USER)
    return [shown(key, external) for key, external in most_active.iter_rows()]


def _with_metrics(settings: Settings, port: int, run: Callable[[threading.Event], None]) -> None:
    """Run until a signal, with Prometheus metrics on a port of its own."""
    from prometheus_client import start_http_server

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    server, thread = start_http_server(port, addr=settings.metrics_host)
    try:
        run(stop)
    finally:
        server.shutdown()
        thread.join()
