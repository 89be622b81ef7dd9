"""The loop from interactions to one effect: poll, decode, apply, commit."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import Protocol

from core import tracing
from core.deadletter import DeadLetter
from core.events import INTERACTIONS
from core.ports import Clock, EventLog, LoggedRecord
from streaming.deadletters.writing import write_dead_letters
from streaming.decoding import Contract, Decoded, decode_all
from streaming.loops.overload import AdaptiveBatch, Shedding
from streaming.loops.retrying import retry_until_available


class Effect(Protocol):
    """What is done with interactions. `name` is the consumer group, `dependency` the service that is waited for in an outage.

    `apply` gets every interaction at least once, in the log's order, and each user's from one process at a time. After
    DependencyUnavailable the same batch comes again, so a repeat must change nothing; any other error ends the consumer. What it
    returns could not be used and becomes dead letters.
    """

    name: str
    dependency: str

    def apply(self, batch: Sequence[Decoded]) -> Sequence[DeadLetter]: ...


@dataclass(frozen=True)
class LoopConfig:
    """Events applied at once, at least and (under load) at most, and how long an idle poll waits (seconds)."""

    batch: int = 500
    max_batch: int = 5000
    poll: float = 0.5


class InteractionLoop:
    """Keeps one effect up to date."""

    def __init__(
        self,
        log: EventLog,
        effect: Effect,
        contract: Contract,
        config: LoopConfig,
        writes_dead_letters: bool = False,
        shedding: Shedding | None = None,
        clock: Clock = time.time,
    ) -> None:
        """Exactly one loop has `writes_dead_letters`; the others only skip bad records. `shedding`: what to drop under load."""
        self._log = log
        self._effect = effect
        self._contract = contract
        self._config = config
        self._writes_dead_letters = writes_dead_letters
        self._shedding = shedding
        self._clock = clock
        self._pace = AdaptiveBatch(effect.name, config.batch, config.max_batch)

    def run(self, stop: Event) -> None:
        """Run until `stop` is set; the current batch is finished and committed first."""
        subscription = retry_until_available(partial(self._log.subscribe, INTERACTIONS, self._effect.name), "event_log", stop)
        if subscription is None:
            return
        try:
            while not stop.is_set():
                poll = partial(subscription.poll, self._pace.limit, self._config.poll)
                records = retry_until_available(poll, "event_log", stop)
                self._pace.observe(subscription.lag())
                if records and self._process(records, stop):
                    retry_until_available(subscription.commit, "event_log", stop)
        finally:
            subscription.close()

    def _process(self, records: Sequence[LoggedRecord], stop: Event) -> bool:
        """Process a batch and return whether it is complete. The effect runs first, because it is latency-sensitive."""
        decoded = retry_until_available(partial(decode_all, records, self._contract, self._clock()), "lake", stop)
        if decoded is None:
            return False
        good, dead = decoded
        batch = self._shedding.keep(good, self._pace) if self._shedding else good
        with tracing.batch(f"apply {self._effect.name}", (one.record.traceparent for one in batch)):
            refused = retry_until_available(partial(self._effect.apply, batch), self._effect.dependency, stop) if batch else ()
        if refused is None:
            return False
        dead += refused
        if dead and self._writes_dead_letters:
            return bool(retry_until_available(partial(write_dead_letters, self._log, dead), "event_log", stop))
        return True
