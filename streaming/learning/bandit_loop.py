"""The loop in which the contextual bandit learns: lists of the lake become evidence, and each new posterior is published."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Event
from typing import Protocol

import numpy as np

from core.errors import AlreadyRunning, DependencyUnavailable
from core.ports import Clock
from core.telemetry import BANDIT_LIFT, BANDIT_ROLLBACKS, BANDIT_VERSION
from lake.ports import Lake
from lake.tables import IMPRESSIONS, INTERACTIONS, LISTS
from ranking.linear_bandit import BanditConfig, LinearBandit
from ranking.published_posterior import PublishedPosterior, publish
from streaming.learning.bandit_lists import ANSWER_COLUMNS, LIST_COLUMNS, SHOWN_COLUMNS, AnsweredLists
from streaming.learning.prequential import Guard, GuardConfig

_log = logging.getLogger(__name__)
_WAIT = 5.0  # seconds until the next try for the right to learn


class Turn(Protocol):
    """The right to learn. Raises AlreadyRunning while another process has it."""

    def __call__(self) -> AbstractContextManager[None]: ...


class BanditLoop:
    """Learns from lists that were drawn by the bandit itself, `patience` seconds after each, and from no other.

    A guard compares, list by list and before it is learned from, what was accepted with what the release's own order would have
    got (estimated by inverse propensities from the same lists), and goes back to the prior when that was better. The posterior is
    an estimate and not a record: lists that come while nobody learns teach nothing.
    """

    def __init__(
        self,
        lake: Lake,
        path: Path,
        turn: Turn,
        interval: float,
        patience: float = 600.0,
        config: BanditConfig | None = None,
        guard: GuardConfig | None = None,
        clock: Clock = time.time,
    ) -> None:
        """`path` of the published file; `interval` and `patience` in seconds."""
        self._path = path
        self._turn = turn
        self._interval = interval
        self._clock = clock
        self._lists = lake.follow(LISTS, LIST_COLUMNS, history=False)
        self._shown = lake.follow(IMPRESSIONS, SHOWN_COLUMNS, history=False)
        self._answers = lake.follow(INTERACTIONS, ANSWER_COLUMNS, history=False)
        self._waiting = AnsweredLists(patience)
        self._bandit, self._guard = LinearBandit(config), Guard(guard or GuardConfig())

    def run(self, stop: Event) -> None:
        """Until `stop` is set. A second consumer waits here until the one that learns is gone."""
        while not stop.is_set():
            try:
                with self._turn():
                    self.resume()
                    for _ in _until(stop, self._interval):
                        self._look()
            except AlreadyRunning:
                stop.wait(_WAIT)

    def resume(self) -> None:
        """Go on from what an earlier process published."""
        try:
            found = PublishedPosterior(self._path).learned()
        except DependencyUnavailable as error:
            _log.warning("the bandit begins anew: %s", error.detail)
            return
        if found is not None:
            self._bandit.resume(*found)

    def learn(self) -> int:
        """Learn from what is new, and publish; returns the number of lists. Raises DependencyUnavailable."""
        found = [follower.look() for follower in (self._lists, self._shown, self._answers)]
        self._waiting.add(*(None if added is None else added.rows for added in found))
        lists = list(self._waiting.ready(self._clock()))
        if not lists:
            return 0
        frozen = np.array([one.reward_in_release_order for one in lists])
        if self._guard.observe(frozen, np.array([one.reward for one in lists])):
            _log.warning("the bandit got less than the release's order would have: it begins anew")
            posterior = self._bandit.release_order()
            BANDIT_ROLLBACKS.inc()
        else:
            for one in lists:
                self._bandit.learn(one.contexts, one.rewards)
            posterior = self._bandit.posterior()
        publish(self._path, posterior, self._bandit.evidence)
        BANDIT_VERSION.set(posterior.version)
        BANDIT_LIFT.set(self._guard.lift)
        return len(lists)

    def _look(self) -> None:
        try:
            self.learn()
        except DependencyUnavailable as error:
            _log.warning("the bandit learns nothing for now: %s", error.detail)


def _until(stop: Event, interval: float) -> Iterator[None]:
    """Once every `interval` seconds until `stop` is set."""
    while not stop.is_set():
        yield
        stop.wait(interval)
