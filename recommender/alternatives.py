"""What a policy could show to one request, and with what probability: what a list that was shown is judged by."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recommender.candidates import Candidates
from recommender.completion import Completion
from recommender.roles import Eligible, Page, Query, Selector


@dataclass(frozen=True, slots=True, eq=False)
class Alternatives:
    """The scored candidates of one request, with what chooses from them."""

    query: Query
    candidates: Candidates
    eligible: Eligible
    selector: Selector
    completion: Completion

    def propensities(self, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """The probability that each of rows [m] stands at its position, from the top of the list, given the rows above it.

        [m]; a row of -1 is not in the release's catalogue and has probability 0. Behind the last candidate a list is filled up
        in one order, so that probabilities are 0 or 1 there.
        """
        chosen = min(len(rows), len(self.candidates))
        found = self.selector.propensities(self.query, self.candidates, rows[:chosen])
        known = rows[:chosen][rows[:chosen] >= 0]
        filled = np.full(len(rows) - chosen, -1, dtype=np.intp)
        if len(filled):
            order = self.completion.rows(known, len(filled), self.eligible)
            filled[: len(order)] = order
        in_order = (rows[chosen:] == filled) & (rows[chosen:] >= 0)
        return np.concatenate([found, in_order.astype(np.float32)])

    def draw(self, seed: int, size: int) -> NDArray[np.intp]:
        """The rows of a list of `size` that the policy makes with this seed; fewer only when no more are eligible. [m]"""
        query = replace(self.query, seed=seed, page=Page(size))
        rows = self.selector.select(query, self.candidates).rows[:size]
        if len(rows) == size:
            return rows
        return np.concatenate([rows, self.completion.rows(rows, size - len(rows), self.eligible)])
