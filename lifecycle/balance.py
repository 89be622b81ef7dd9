"""What lists of a release are like as a whole: whether a few items crowd out the rest, and whether close things stay close.

Where a data set says nothing about one of these it has no figure, and the gate says that it is not applicable.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.catalogue import Catalogue
from core.features import UserFeatures
from lifecycle.gates import CROWDING, POPULARITY_BIAS, SEQUELS, STEADINESS
from ranking.unit_vectors import unit
from recommender.live import Snapshot

Lists = Sequence[NDArray[np.intp]]  # catalogue rows, best first

MIN_LISTS = 20  # of which an item's share means something
MIN_CHANGED = 10  # users whose history is long enough to be changed a little
MIN_HISTORY = 10  # events of a history that one less does not change much
MIN_PAIRS = 10  # of an original and its sequel
MIN_EVENTS = 5  # of both, so that the release can have learned where they belong
_POPULAR = 0.1  # the share of the catalogue that counts as popular
_NUMBER = re.compile(r"(.*?\S)(?:: | )(?:part |chapter |episode )?(\d{1,2}|[ivx]{1,4})\b(?:[:.,(-].*)?", re.IGNORECASE)
_YEAR = re.compile(r"\s*\(\d{4}\)\s*$")


def balance(now: Snapshot, lists: Lists, users: Sequence[UserFeatures]) -> dict[str, float]:
    """Figures of the lists of these users."""
    figures = {}
    if len(lists) >= MIN_LISTS and any(len(one) for one in lists):
        rows = np.concatenate([np.unique(one) for one in lists])
        figures[CROWDING] = float(np.bincount(rows).max() / len(lists))
        figures[POPULARITY_BIAS] = _bias(now, rows, users)
    near = nearness_of_sequels(now)
    return figures | ({} if near is None else {SEQUELS: near})


def changed_a_little(now: Snapshot, users: Sequence[UserFeatures]) -> dict[int, UserFeatures]:
    """Users without one event from the middle of what they did of late, by their place; none with a short history."""
    changed = {}
    for at, user in enumerate(users):
        n = len(user.item_ids)
        if (now.catalogue.rows(user.item_ids) >= 0).sum() >= MIN_HISTORY:
            kept = np.delete(np.arange(n), n - MIN_HISTORY // 2)
            columns = {name: getattr(user, name)[kept] for name in ("item_ids", "kinds", "values", "times")}
            changed[at] = replace(user, **columns)
    return changed


def steadiness(before: Lists, after: Lists) -> dict[str, float]:
    """The share of their items that lists before and after a small change have in common."""
    shares = [float(np.isin(one, other).mean()) for one, other in zip(before, after, strict=True) if len(one)]
    return {STEADINESS: float(np.mean(shares))} if len(shares) >= MIN_CHANGED else {}


def nearness_of_sequels(now: Snapshot) -> float | None:
    """Of the items of the catalogue, the share that is farther from an original than its sequel, on average over the pairs.

    A half is what chance gives. None where titles name too few pairs.
    """
    pairs = [
        pair for pair in sequels(now.catalogue) if (now.release.stats.n_events[list(pair)] >= MIN_EVENTS).all()
    ]  # fmt: skip
    if len(pairs) < MIN_PAIRS:
        return None
    vectors = unit(now.item_vectors)
    known = np.flatnonzero(now.release.stats.n_events >= MIN_EVENTS)
    shares = []
    for original, sequel in pairs:
        cosines = vectors[known] @ vectors[original]
        shares.append(float((cosines < vectors[sequel] @ vectors[original]).mean()))
    return float(np.mean(shares))


def sequels(catalogue: Catalogue) -> list[tuple[int, int]]:
    """Rows of originals and of their sequels: titles that are another's with a number behind it ("Rocky II")."""
    names = [_YEAR.sub("", title).strip().casefold() for title in catalogue.titles]
    rows = {name: row for row, name in enumerate(names) if name}
    found = ((rows.get(match[1]), row) for row, name in enumerate(names) if (match := _NUMBER.fullmatch(name)))
    return [(original, row) for original, row in found if original is not None and original != row]


def _bias(now: Snapshot, rows: NDArray[np.intp], users: Sequence[UserFeatures]) -> float:
    """By how much more of the lists than of the users' own events is on the most popular tenth of the catalogue, -1 to 1."""
    popular = np.zeros(len(now.catalogue), dtype=np.bool_)
    popular[np.argsort(-now.release.stats.n_events, kind="stable")[: max(1, int(_POPULAR * len(popular)))]] = True
    own = np.concatenate([now.catalogue.known_rows(user.item_ids) for user in users])
    return float(popular[rows].mean() - popular[own].mean()) if len(own) else 0.0
