"""What the parts of the Kafka adapter share: connecting, and translating errors and records into Marquee's terms."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import Any, TypeVar

from kafka import KafkaProducer
from kafka.errors import (
    AuthorizationError,
    ClusterAuthorizationFailedError,
    FencedInstanceIdError,
    FencedMemberEpochError,
    GroupAuthorizationFailedError,
    InconsistentGroupProtocolError,
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    SaslAuthenticationFailedError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    UnsupportedForMessageFormatError,
    UnsupportedSaslMechanismError,
    UnsupportedVersionError,
)
from kafka.net.compat import KafkaNetClient

from core.errors import DependencyRefused, DependencyUnavailable, InvalidInput
from core.ports import LoggedRecord

ID = "id"  # the header that carries a record's id
TRACEPARENT = "traceparent"  # the header that carries the trace that it belongs to
MAX_REQUEST_BYTES = 16 * 2**20  # of one request: dead letters carry whole events
_FORCE_CLOSE_SECONDS = 5.0  # how long a sender may take to drop everything
Client = TypeVar("Client")
_SAME_NAME = "another consumer has this one's name, its host and MARQUEE_CONSUMER_METRICS_PORT: stop one, or give it another port"
_NOT_ALLOWED = "give its principal the right to read, write and create the topics and to read as the groups"
_OTHER_VERSION = "the broker does not know what this client asks for: use Kafka 3.5 or later"
# A broker that is well says these. They last until somebody changes something, or this process begins again as another member.
_REFUSALS: Mapping[type[KafkaError], str] = MappingProxyType(
    {
        FencedInstanceIdError: _SAME_NAME,
        FencedMemberEpochError: _SAME_NAME,
        InconsistentGroupProtocolError: "its group has members of another kind: stop what else reads under the group's name",
        AuthorizationError: _NOT_ALLOWED,
        ClusterAuthorizationFailedError: _NOT_ALLOWED,
        GroupAuthorizationFailedError: _NOT_ALLOWED,
        TopicAuthorizationFailedError: _NOT_ALLOWED,
        SaslAuthenticationFailedError: "correct its user name and password",
        UnsupportedVersionError: _OTHER_VERSION,
        UnsupportedForMessageFormatError: _OTHER_VERSION,
        UnsupportedSaslMechanismError: "the broker wants to be told otherwise who this is",
        InvalidTopicError: "the topic's name is not one that Kafka takes",
        UnknownTopicOrPartitionError: "make it with `marquee topics apply`",
    }
)


class Deadline:
    """A budget of seconds that several calls share."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        return max(0.0, self._end - time.monotonic())


def connection(bootstrap: str, timeout: float) -> dict[str, Any]:
    """The options of every client; `timeout` in seconds. A broker that comes back is found again within a second."""
    milliseconds = int(timeout * 1000)
    return {
        "bootstrap_servers": bootstrap,
        "bootstrap_timeout_ms": milliseconds,
        "request_timeout_ms": milliseconds,
        "reconnect_backoff_ms": 50,
        "reconnect_backoff_max_ms": 1000,
    }


def opened(kind: Callable[..., Client], **config: Any) -> Client:
    """A client of this kind. kafka-python leaves a thread and sockets behind when a constructor fails; this one does not."""
    made: list[KafkaNetClient] = []

    def remembered(**options: Any) -> KafkaNetClient:
        made.append(KafkaNetClient(**options))
        return made[-1]

    try:
        return kind(**config, kafka_client=remembered)
    except BaseException:
        for client in made:
            client.close()
        raise


def close_producer(producer: KafkaProducer, timeout: float) -> None:
    """Close a producer; what is not delivered after `timeout` seconds is dropped.

    In that case kafka-python's own `close` raises, and leaves a thread behind that goes on sending.
    """
    try:
        producer.close(timeout=timeout)
    except KafkaError:
        producer._sender.force_close()
        producer._sender.join(_FORCE_CLOSE_SECONDS)
        with suppress(KafkaError):
            producer.close(timeout=0)


def logged(record: Any) -> LoggedRecord:
    """kafka-python's record in Marquee's terms. A record without our header came from elsewhere: its place is its id."""
    headers = dict(reversed(record.headers))  # of a header that is there twice, the first counts
    id_ = headers.get(ID)
    return LoggedRecord(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=(record.key or b"").decode(errors="replace"),
        id=f"{record.partition}-{record.offset}" if id_ is None else id_.decode(errors="replace"),
        value=record.value or b"",
        appended_at=record.timestamp / 1000.0,
        traceparent=(headers.get(TRACEPARENT) or b"").decode(errors="replace"),
    )


@contextmanager
def translated(bootstrap: str) -> Iterator[None]:
    """kafka-python's errors as Marquee's.

    InvalidInput for a record that no broker will take, DependencyRefused for what lasts, else DependencyUnavailable.
    """
    try:
        yield
    except (MessageSizeTooLargeError, RecordListTooLargeError) as error:
        raise InvalidInput("record", str(error)[:200], "at most the topic's max.message.bytes") from error
    except KafkaError as error:
        reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no detail'}"
        for kind, remedy in _REFUSALS.items():
            if isinstance(error, kind):
                raise DependencyRefused("kafka", f"{bootstrap}: {reason}", remedy) from error
        raise DependencyUnavailable(
            "kafka", f"{bootstrap}: {reason}", "start it (`make kafka`), or correct MARQUEE_KAFKA_BOOTSTRAP"
        ) from error
