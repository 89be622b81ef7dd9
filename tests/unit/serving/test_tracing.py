"""One trace from the request that brings an event, through the event log, to the consumer's effect."""

from __future__ import annotations

import importlib.util
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from app import wiring
from core import tracing
from core.errors import InvalidInput
from core.events import INTERACTIONS
from core.logs import REQUEST_ID
from core.settings import Settings
from feature_repo.adapters.memory import MemoryFeatures
from streaming.decoding import Contract, IntegerKeys
from streaming.loops.feature_effect import FeatureEffect
from streaming.loops.interaction_loop import InteractionLoop, LoopConfig

sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="the extra `tracing`")
TRACE = "0af7651916cd43dd8448eb211c80319c"
EVENT = {"user_id": 7, "item_id": 10, "kind": "rating", "value": 4.0}


@pytest.fixture
def exporter() -> Iterator[Any]:
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    provider, exporter = sdk.TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.start(provider)
    yield exporter
    tracing.start(None)
    provider.shutdown()


def consume(log: Any) -> None:
    """What a consumer does until it has applied what there is."""
    stop = threading.Event()
    features = MemoryFeatures()
    effect = FeatureEffect(features, {10: ("Drama",)})
    loop = InteractionLoop(log, effect, Contract(IntegerKeys(frozenset({10}))), LoopConfig(poll=0.05))
    thread = threading.Thread(target=loop.run, args=(stop,))
    thread.start()
    for _ in range(200):
        if features.read(7) is not None:
            break
        stop.wait(0.02)
    stop.set()
    thread.join()
    assert features.read(7) is not None


@pytest.mark.anyio
async def test_one_trace_through_api_log_and_consumer(world: Any, exporter: Any) -> None:
    async with world.client() as http:
        headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
        assert (await http.post("/events", json=EVENT, headers=headers)).status_code == 202
    consume(world.log.inner)
    spans = {span.name: span for span in exporter.get_finished_spans()}
    assert set(spans) == {"POST /events", f"append {INTERACTIONS}", "apply features"}
    assert {f"{span.context.trace_id:032x}" for span in spans.values()} == {TRACE}
    append = spans[f"append {INTERACTIONS}"]
    assert append.parent.span_id == spans["POST /events"].context.span_id
    assert spans["apply features"].parent.span_id == append.context.span_id


@pytest.mark.anyio
async def test_a_batch_is_a_part_of_each_of_its_traces_and_of_no_more_than_a_hundred(exporter: Any) -> None:
    parents = [f"00-{n:032x}-b7ad6b7169203331-01" for n in range(1, 151)]
    with tracing.batch("apply", [*parents, *parents, ""]):
        pass
    traces = [span.context.trace_id for span in exporter.get_finished_spans()]
    assert traces == list(range(1, tracing.MAX_PARENTS + 1))


@pytest.mark.anyio
async def test_while_it_is_off_records_carry_nothing(world: Any) -> None:
    async with world.client() as http:
        await http.post("/events", json=EVENT, headers={"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"})
    assert [record.traceparent for record in world.log.inner.read(INTERACTIONS)] == [""]
    assert tracing.span("a") is tracing.batch("b", [])  # the same object every time: nothing is made


def test_nothing_imports_opentelemetry_while_it_is_off() -> None:
    code = "import sys, core.logs, core.ports; sys.exit('opentelemetry' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.anyio
async def test_what_a_request_logs_knows_its_id(world: Any) -> None:
    seen: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: seen.append(REQUEST_ID.get())  # type: ignore[method-assign]
    logger = logging.getLogger("serving.http.middleware")
    logger.addHandler(handler)

    def bug() -> None:
        raise RuntimeError("a bug")

    world.log.broken = bug
    try:
        async with world.client() as http:
            answer = await http.post("/events", json=EVENT)
    finally:
        logger.removeHandler(handler)
    assert answer.status_code == 500
    assert seen == [answer.headers["X-Request-Id"]]
    assert REQUEST_ID.get() == ""


@pytest.mark.skipif(importlib.util.find_spec("opentelemetry.exporter") is not None, reason="the extra `tracing` is installed")
def test_an_endpoint_without_the_extra_is_refused_with_what_to_install() -> None:
    with pytest.raises(InvalidInput, match=r"marquee\[tracing\]"):
        wiring.observed(Settings(tracing_endpoint="http://127.0.0.1:4318/v1/traces"), "api")
