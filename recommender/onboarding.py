"""The first lists of a user who answered what they like: the answers are read as a history until there is a real one.

The items that were named, and the best known items of the genres and people, stand before the user's own events as if they had
been rated with full marks. Every part of the pipeline then works as for anybody else, so no model has to know of answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from core.answers import Answers
from core.features import UserFeatures
from core.kinds import STARS, Kind
from core.titles import as_written
from recommender.live import Snapshot

MAX_EVENTS = 10  # of the user's own on items of the release, from which on answers are left aside: they are older and say less
PER_NAME = 3  # items that stand for a genre or a person
_STEP = 60.0  # seconds between two of them


class Primed(NamedTuple):
    """A user with answers as history; `told` is what was answered, in words, by the key of the item that stands for it."""

    user: UserFeatures | None
    told: Mapping[int, str]


def primed(now: Snapshot, user: UserFeatures | None) -> Primed:
    """The user as lists are made for them."""
    answers = Answers() if user is None else Answers.of(user.profile)
    if user is None or not answers or len(now.catalogue.known_rows(user.item_ids)) >= MAX_EVENTS:
        return Primed(user, {})
    told = {item: words for item, words in _standing_for(now, answers).items() if item not in user.item_ids}
    first = float(user.times[0]) if len(user.times) else now.stats.as_of
    n, tastes = len(told), _tastes(now, user, answers)
    return Primed(
        replace(
            user,
            item_ids=np.concatenate([np.array(list(told), dtype=np.int64), user.item_ids]),
            kinds=np.concatenate([np.full(n, Kind.RATING.spec.code, dtype=np.int64), user.kinds]),
            values=np.concatenate([np.full(n, STARS.high, dtype=np.float32), user.values]),
            times=np.concatenate([first - _STEP * np.arange(n, 0, -1), user.times]),
            consumed=np.union1d(user.consumed, np.array(answers.items, dtype=np.int64)),
            genres=tuple(tastes),
            genre_weights=np.array(list(tastes.values()), dtype=np.float32),
        ),
        told,
    )


def _standing_for(now: Snapshot, answers: Answers) -> dict[int, str]:
    """Items by key, those that say most last, where a history has what is newest."""
    catalogue = now.catalogue
    told: dict[int, str] = {}
    for genre in answers.genres:
        if genre in catalogue.genre_names:
            has = catalogue.genres[:, catalogue.genre_names.index(genre)] > 0
            told |= dict.fromkeys(catalogue.ids[now.popularity.best(has, PER_NAME)].tolist(), genre)
    for person in answers.people:
        with_person = np.zeros(len(catalogue), dtype=np.bool_)
        with_person[now.release.rows_with(person)] = True
        told |= dict.fromkeys(catalogue.ids[now.popularity.best(with_person, PER_NAME)].tolist(), person)
    for item in answers.items:
        at = now.facts.row(item)
        if catalogue.rows([item])[0] >= 0:
            told.pop(item, None)
            told[item] = (as_written(now.facts.title(at)) if at >= 0 else "") or str(now.facts.id_of(item))
    return told


def _tastes(now: Snapshot, user: UserFeatures, answers: Answers) -> dict[str, float]:
    """Genre weights with those of the answers: one for a genre, and one for the genres of an item together."""
    weights = user.tastes
    for genre in answers.genres:
        weights[genre] = weights.get(genre, 0.0) + 1.0
    for row in now.catalogue.known_rows(np.array(answers.items, dtype=np.int64)).tolist():
        genres = now.catalogue.genres_of(row)
        for genre in genres:
            weights[genre] = weights.get(genre, 0.0) + 1.0 / len(genres)
    return dict(sorted(weights.items()))
