"""Settings -> adapters. Each function builds one port's adapter; nothing here knows what they are used for.

Imports stand inside the functions on purpose: a process pays only for the SDKs that it uses (Feast alone takes seconds).
"""

from __future__ import annotations

import logging
import os
import pwd
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from core import tracing
from core.errors import InvalidInput
from core.events import ClockRule
from core.logs import log_to_stderr
from core.ports import EventLog, Tracker
from core.settings import Settings
from lake.ports import FileLake

if TYPE_CHECKING:
    from core.background import Background
    from feature_repo.adapters.feast_store import FeastFeatures
    from lifecycle.adapters.mlflow import MlflowRegistry
    from lifecycle.ledger import PromotionLedger
    from retrieval.adapters.milvus import MilvusIndex
    from serving.access.control import AccessControl
    from serving.access.keys import KeyFile
    from serving.access.tokens import Tokens
    from serving.health import HealthCheck
    from streaming.topics import TopicAdmin


def observed(settings: Settings, process: str) -> None:
    """Logs and traces of this process, as the settings say. Raises InvalidInput for traces without the extra `tracing`."""
    log_to_stderr(settings.log_format, logging.getLevelNamesMapping()[settings.log_level.upper()], settings.access_log)
    if not settings.tracing_endpoint:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        allowed = "empty without the extra `tracing`: pip install 'marquee[tracing]'"
        raise InvalidInput("MARQUEE_TRACING_ENDPOINT", settings.tracing_endpoint, allowed) from error
    provider = TracerProvider(resource=Resource.create({"service.name": f"marquee-{process}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.tracing_endpoint)))
    tracing.start(provider)


def lake(settings: Settings) -> FileLake:
    from lake.adapters.delta import DeltaLake

    return DeltaLake(settings.folder("lake"))


def event_log(settings: Settings, timeout: float = 5.0, member: bool = False) -> EventLog:
    """`timeout` bounds a call to Kafka, in seconds; `member`: this process is the consumer of its host and metrics port."""
    if settings.event_log == "kafka":
        from streaming.adapters.kafka import KafkaEventLog

        name = f"{socket.gethostname()}.{settings.consumer_metrics_port}" if member else ""
        return KafkaEventLog(settings.kafka_bootstrap, timeout=timeout, member=name)
    from streaming.adapters.embedded import EmbeddedEventLog

    return EmbeddedEventLog(_embedded_log(settings))


class Accepting(NamedTuple):
    """The log that accepts clients' events, its readiness check, and the threads that it runs."""

    log: EventLog
    check: HealthCheck
    background: tuple[Background, ...] = ()


def accepting_log(settings: Settings, log: EventLog) -> Accepting:
    """Kafka gets an outbox in front of it; the embedded log needs none."""
    from serving import probes
    from serving.intake.outbox_log import OutboxLog

    if settings.event_log == "embedded":
        return Accepting(log, probes.event_log(log))
    accepting = OutboxLog(log, settings.folder("events") / "outbox.db", settings.outbox_max_events)
    return Accepting(accepting, accepting.check(), (accepting.background,))


def clock_rule(settings: Settings) -> ClockRule:
    return ClockRule(settings.clock_skew, settings.earliest_event)


def topics(settings: Settings) -> TopicAdmin:
    if settings.event_log == "kafka":
        from streaming.adapters.kafka_topics import KafkaTopics

        return KafkaTopics(settings.kafka_bootstrap)
    from streaming.adapters.embedded_topics import EmbeddedTopics

    return EmbeddedTopics(_embedded_log(settings))


def published_stats(settings: Settings) -> Path:
    """The file through which the consumer tells the API what is popular."""
    return settings.folder("events") / "item_stats.parquet"


def learned_vectors(settings: Settings) -> Path:
    """The file through which the consumer tells the API what online learning moved."""
    return settings.folder("events") / "learned_vectors.parquet"


def later_transitions(settings: Settings) -> Path:
    """The file through which the consumer tells the API what followed what since the release."""
    return settings.folder("events") / "later_transitions.parquet"


def bandit_posterior(settings: Settings) -> Path:
    """The file through which the consumer tells the API what the contextual bandit learned."""
    return settings.folder("events") / "bandit_posterior.parquet"


def _embedded_log(settings: Settings) -> Path:
    return settings.folder("events") / "log.db"


def features(settings: Settings) -> FeastFeatures:
    from feature_repo.adapters.feast_store import FeastConfig, FeastFeatures

    return FeastFeatures(FeastConfig(settings.folder("feast"), settings.redis_url, settings.database_url))


def milvus(settings: Settings, written: Callable[[int], object] = lambda _: None) -> MilvusIndex:
    from retrieval.adapters.milvus import MilvusIndex

    return MilvusIndex(settings.milvus_address, settings.milvus_timeout, written=written)


def registry(settings: Settings) -> MlflowRegistry:
    from lifecycle.adapters.mlflow import MlflowRegistry

    return MlflowRegistry(
        tracking_uri=settings.tracking_uri,
        artifact_root=settings.folder("mlflow") / "artifacts",
        model_name=settings.registered_model,
        cache=settings.folder("releases"),
    )


def tracker(settings: Settings) -> Tracker:
    from lifecycle.adapters.mlflow_tracker import MlflowTracker

    return MlflowTracker(settings.tracking_uri, settings.folder("mlflow") / "artifacts")


def ledger(settings: Settings) -> PromotionLedger:
    from lifecycle.ledger import PromotionLedger

    return PromotionLedger(lake(settings), settings.folder("ledger"))


def keys(settings: Settings) -> KeyFile:
    from serving.access.keys import KeyFile

    return KeyFile(settings.keys_file or settings.folder("access") / "keys.json")


def access(settings: Settings) -> AccessControl:
    """Who may ask the API for what. Raises InvalidInput for settings that would let in more than they say."""
    from serving.access.audit import AuditLog
    from serving.access.control import AccessControl
    from serving.access.rates import RateConfig, Rates

    return AccessControl(
        keys=keys(settings),
        rates=Rates(RateConfig(settings.rate_limit, settings.redis_url)),
        audit=AuditLog(settings.folder("access") / "audit.jsonl"),
        admin_key=settings.admin_key.get_secret_value() if settings.admin_key else None,
        tokens=_tokens(settings) if settings.jwt_keys else None,
        open_to_all=settings.access == "open",
    )


def _tokens(settings: Settings) -> Tokens:
    from serving.access.tokens import TokenConfig, Tokens  # the cryptography behind it is 10 MB, for those who use it

    if not (settings.jwt_issuer and settings.jwt_audience):
        wanted = "set together with MARQUEE_JWT_KEYS: a provider's keys also sign tokens that are for others"
        raise InvalidInput("MARQUEE_JWT_ISSUER and MARQUEE_JWT_AUDIENCE", "", wanted)
    return Tokens(TokenConfig(settings.jwt_keys, settings.jwt_issuer, settings.jwt_audience, settings.jwt_user_claim))


def own_key(settings: Settings) -> dict[str, str]:
    """The header with which Marquee's own commands ask the API."""
    return {} if settings.api_key is None else {"X-Api-Key": settings.api_key.get_secret_value()}


def person() -> str:
    """Who uses the command line, as the ledger names them."""
    try:
        return f"cli:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:  # a container's user may have no name
        return f"cli:{os.getuid()}"
