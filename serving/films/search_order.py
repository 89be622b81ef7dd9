"""The order of what a search found: how well it matches first, then how popular it is, then how well it fits who searches."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core import columns as c
from core.item_facts import ItemFacts
from core.titles import as_written, without_year
from recommender.live import Snapshot
from serving.films.search_index import words_of

TITLE, PERSON, GENRE, TAG = "title", "person", "genre", "tag"
_NAMED = ((PERSON, c.PEOPLE, 2.0), (GENRE, c.GENRES, 1.0), (TAG, c.TAGS, 0.5))
_SAME, _BEGINS, _IN_TITLE, _PART = 5.0, 4.0, 3.0, 0.0


class Hit(NamedTuple):
    """`row` is that of the item's facts; `field` and `text` say what matched."""

    row: int
    score: float
    field: str
    text: str


def order(query: str, facts: ItemFacts, now: Snapshot, rows: NDArray[np.intp], user: NDArray[np.float32] | None) -> list[Hit]:
    """The found items (rows [m] of the facts), best first. Popularity counts up to 1, and as much does the fit to a user's
    vector [d]: both only tell apart what matches alike."""
    words = words_of(query)
    matched = [_matched(words, facts, row) for row in rows.tolist()]
    scores = np.array([one[0] for one in matched]) + _extra(facts, now, rows, user)
    best = np.argsort(-scores, kind="stable").tolist()
    return [Hit(int(rows[at]), float(scores[at]), matched[at][1], matched[at][2]) for at in best]


def _matched(words: list[str], facts: ItemFacts, row: int) -> tuple[float, str, str]:
    """How well an item matches, in which field, and with what text."""
    title = facts.title(row)
    if not words:  # of the query only signs: the title contains them
        return _PART, TITLE, title
    in_title = words_of(as_written(title))
    if words == words_of(without_year(as_written(title))) or words == in_title:
        return _SAME, TITLE, title
    if (
        in_title[: len(words) - 1] == words[:-1]
        and len(in_title) >= len(words)
        and in_title[len(words) - 1].startswith(words[-1])
    ):
        return _BEGINS, TITLE, title
    if _has_all(words, in_title):
        return _IN_TITLE, TITLE, title
    for field, column, score in _NAMED:
        for name in facts.names(column, row):
            if _has_all(words, words_of(name)):
                return score, field, name
    return _PART, TITLE, title


def _has_all(words: list[str], text: list[str]) -> bool:
    return all(any(one.startswith(word) for one in text) for word in words)


def _extra(facts: ItemFacts, now: Snapshot, rows: NDArray[np.intp], user: NDArray[np.float32] | None) -> NDArray[np.float64]:
    at = now.catalogue.rows(facts.keys[rows])
    events = np.log1p(now.events_of(facts.keys[rows]))
    extra = np.asarray(events / max(float(np.log1p(now.stats.n_events.max())), 1.0), dtype=np.float64)
    if user is None or not len(rows):
        return extra
    fits = np.where(at >= 0, now.item_vectors[at] @ user, -np.inf)
    place = np.empty(len(rows))
    place[np.argsort(fits, kind="stable")] = np.arange(len(rows))
    return extra + place / max(len(rows) - 1, 1)
