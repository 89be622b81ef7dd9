"""What logged lists were drawn from, as it was stored with each: a policy that only chooses otherwise is judged from that.

It is exact, whatever has been learned since: the candidates, their scores and the user's features are those of the request. A
replay has to make them again, and on a home that learns online it cannot.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.events import MadeFrom
from evaluation.ope.logs import LoggedList
from feature_repo.record import UnreadableRecord, unpack
from ranking.linear_bandit import Posterior
from recommender.alternatives import Alternatives
from recommender.completion import Completion
from recommender.drawn_from import DrawnFrom
from recommender.live import Snapshot
from recommender.parts.linear_bandit import LinearBanditConfig
from recommender.policy import Policy
from recommender.roles import Eligible, Query


class StoredDraws:
    """What the lists of the logs were drawn from, by their request; those of before it was stored have nothing."""

    def __init__(self, made_from: Iterable[tuple[str, str | None]] = ()) -> None:
        """Request ids, and `MadeFrom` as JSON or None."""
        self._made_from = {request: raw for request, raw in made_from if raw is not None}

    def of(self, one: LoggedList, query: Query, policy: Policy, logging: Policy, now: Snapshot) -> tuple[Alternatives, ...]:
        """What `policy` could have shown in place of this list, and what the `logging` policy could; () where that is not known.

        It is known where both take the same candidates in the same order and what was stored reaches as far as the draws of
        `policy`. `now` is the release that made the list.
        """
        raw = self._made_from.get(one.request_id)
        if raw is None or not same_candidates(policy, logging):
            return ()
        try:
            stored = MadeFrom.model_validate_json(raw)
            drawn = DrawnFrom.unpack(b64decode(stored.drawn_from))
            user = None if stored.features is None else unpack(query.user_id, b64decode(stored.features))
        except (ValueError, UnreadableRecord):
            return ()
        if not _reaches(drawn, policy, logging, stored.offset + stored.size):
            return ()
        rows = now.catalogue.rows(drawn.keys)
        if stored.policy != logging.id or (rows < 0).any():
            return ()
        vector = None if user is None else now.encoder.encode(user)
        asked = replace(query, user=user, user_vector=vector, seed=int(stored.seed, 16))
        candidates, everything = drawn.candidates(rows), np.ones(len(now.catalogue), dtype=np.bool_)
        behind = _AsLogged(now, now.catalogue.rows(one.items)[len(rows) :])
        posterior = drawn.posterior or Posterior.prior()
        return tuple(
            Alternatives(asked, candidates, everything, each.selector.selector(now.catalogue, posterior), behind)
            for each in (policy, logging)
        )


def same_candidates(policy: Policy, logging: Policy) -> bool:
    """Whether the policies differ in the selector alone. A bandit needs what only bandits of the same pool store."""
    mine, theirs = policy.selector, logging.selector
    if policy.slots or policy.model_copy(update={"selector": theirs}).id != logging.id:
        return False
    if not isinstance(mine, LinearBanditConfig):
        return True
    return isinstance(theirs, LinearBanditConfig) and mine.pool == theirs.pool


def _reaches(drawn: DrawnFrom, policy: Policy, logging: Policy, positions: int) -> bool:
    """Whether all candidates are stored, or at least as many as a draw of the policy can reach."""
    stored, needed = logging.selector.reach(positions), policy.selector.reach(positions)
    return stored is None or len(drawn.keys) < stored or (needed is not None and needed <= stored)


class _AsLogged(Completion):
    """Fills up with what the logged list was filled up with: the order there is the same for every selector."""

    def __init__(self, now: Snapshot, rows: NDArray[np.intp]) -> None:
        super().__init__(now.popularity)
        self._rows = rows

    def rows(self, above: NDArray[np.intp], count: int, eligible: Eligible) -> NDArray[np.intp]:  # noqa: ARG002 - as declared
        return self._rows[:count]
