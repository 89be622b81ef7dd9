"""Lists of the contextual bandit with what came of them: what it learns from."""

from __future__ import annotations

import logging
from base64 import b64decode
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core import columns as c
from core.events import MadeFrom
from core.kinds import ACCEPTING
from recommender.drawn_from import DrawnFrom, has_posterior

LIST_COLUMNS = (c.REQUEST_ID, c.TS, c.SHADOW, c.MADE_FROM)
SHOWN_COLUMNS = (c.REQUEST_ID, c.ITEM, c.PROPENSITY, c.EXPLORED)
ANSWER_COLUMNS = (c.REQUEST_ID, c.ITEM, c.KIND)
MAX_WAITING = 20_000  # lists; the oldest are given up first
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class AnsweredList:
    """The shown items [m] of one list that the bandit drew from its pool."""

    contexts: NDArray[np.float32]  # [m, d], as they were when the list was drawn
    rewards: NDArray[np.float64]  # 1 for an accepted item, else 0
    propensities: NDArray[np.float64]
    explored: NDArray[np.bool_]  # whether the release's order would have shown another item there

    @property
    def reward(self) -> float:
        """Accepted items."""
        return float(self.rewards.sum())

    @property
    def reward_in_release_order(self) -> float:
        """An unbiased estimate of the items that would be accepted if each position had the best that remained by the release's
        score, given those above (inverse propensity scoring by position)."""
        return float((self.rewards * ~self.explored / self.propensities).sum())


class AnsweredLists:
    """Lists that wait for their answers, `patience` seconds each. An answer that comes later is not counted."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._lists: dict[str, tuple[float, DrawnFrom]] = {}
        self._shown: defaultdict[str, list[tuple[int, float, bool]]] = defaultdict(list)
        self._accepted: defaultdict[str, set[int]] = defaultdict(set)

    def add(self, lists: pl.DataFrame | None, shown: pl.DataFrame | None, answers: pl.DataFrame | None) -> None:
        """New rows of the lake's lists, impressions and interactions."""
        for request_id, *row in () if shown is None else shown.select(SHOWN_COLUMNS).iter_rows():
            self._shown[request_id].append((row[0], row[1], bool(row[2])))
        if answers is not None:
            good = answers.drop_nulls(c.REQUEST_ID).filter(pl.col(c.KIND).is_in(ACCEPTING))
            for request_id, item in good.select(c.REQUEST_ID, c.ITEM).iter_rows():
                self._accepted[request_id].add(item)
        for request_id in () if lists is None else lists.filter(~pl.col(c.SHADOW) & pl.col(c.MADE_FROM).is_null())[c.REQUEST_ID]:
            self._shown.pop(request_id, None)  # one that no selector drew, such as a degraded one
            self._accepted.pop(request_id, None)
        for request_id, ts, raw in () if lists is None else _made_from(lists):
            drawn_from = _drawn_from(raw)
            if drawn_from is None:
                self._shown.pop(request_id, None)
                self._accepted.pop(request_id, None)
            else:
                self._lists[request_id] = ts, drawn_from

    def ready(self, now: float) -> Iterator[AnsweredList]:
        """The lists whose time is over, once each; `now` in Unix seconds."""
        for request_id, (ts, drawn_from) in list(self._lists.items()):
            if ts + self._patience <= now and request_id in self._shown:
                del self._lists[request_id]
                yield _answered(drawn_from, self._shown.pop(request_id), self._accepted.pop(request_id, set()))
        self._forget()

    def _forget(self) -> None:
        """The oldest of what waits, such as items of a list whose record never came."""
        for waiting in (self._lists, self._shown, self._accepted):
            for request_id in list(waiting)[: max(0, len(waiting) - MAX_WAITING)]:
                del waiting[request_id]


def _made_from(lists: pl.DataFrame) -> Iterator[tuple[str, float, str]]:
    mine = lists.filter(~pl.col(c.SHADOW)).drop_nulls(c.MADE_FROM)
    yield from mine.select(c.REQUEST_ID, c.TS, c.MADE_FROM).iter_rows()


def _drawn_from(raw: str) -> DrawnFrom | None:
    """None for a list of another policy, and for a record of another version of Marquee, which is said."""
    try:
        packed = b64decode(MadeFrom.model_validate_json(raw).drawn_from)
        return DrawnFrom.unpack(packed) if has_posterior(packed) else None
    except ValueError as error:
        _log.warning("a list teaches the bandit nothing: %s", error)
        return None


def _answered(drawn_from: DrawnFrom, shown: list[tuple[int, float, bool]], accepted: set[int]) -> AnsweredList:
    """Of the items that have a context: new items from outside the pool and what fills up have none."""
    place = {key: at for at, key in enumerate(drawn_from.keys[: len(drawn_from.contexts)].tolist())}
    known = [one for one in shown if one[0] in place]
    return AnsweredList(
        contexts=drawn_from.contexts[[place[item] for item, _, _ in known]],
        rewards=np.array([float(item in accepted) for item, _, _ in known]),
        propensities=np.array([propensity for _, propensity, _ in known]),
        explored=np.array([explored for _, _, explored in known], dtype=np.bool_),
    )
