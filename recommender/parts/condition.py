"""Conditions in a policy: `when = "year >= 2020 and 'Horror' not in genres"`, checked when the policy is read."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import AfterValidator

from core.expressions import Columns, Expression
from core.item_facts import FACT_COLUMNS
from ranking.candidate_features import CANDIDATE_FEATURES
from recommender.candidates import Candidates
from recommender.live import Snapshot
from recommender.parts.allowed import of_catalogue

SCORE = "score"  # of the candidate, as the scorer before gave it
FEATURES = frozenset(CANDIDATE_FEATURES)
OF_CANDIDATES: Columns = {SCORE: "number", **dict.fromkeys(CANDIDATE_FEATURES, "number")}


def of_items(text: str) -> Expression:
    """Over what is known of items. Raises BadExpression."""
    return Expression.parse(text, FACT_COLUMNS)


def of_candidates(text: str) -> Expression:
    """Also over the candidates' features and score. Raises BadExpression."""
    return Expression.parse(text, {**FACT_COLUMNS, **OF_CANDIDATES})


def _checked_for_items(text: str) -> str:
    return of_items(text).text


def _checked_for_candidates(text: str) -> str:
    return of_candidates(text).text


ItemCondition = Annotated[str, AfterValidator(_checked_for_items)]
CandidateCondition = Annotated[str, AfterValidator(_checked_for_candidates)]


class Where:
    """Which candidates a condition holds for. One over items alone was decided for the whole catalogue when it was built."""

    def __init__(self, now: Snapshot, text: str) -> None:
        self._facts = now.facts
        self._catalogue = now.catalogue
        self._expression = of_candidates(text)
        self._features = sorted(self._expression.names & FEATURES)
        self._decided: NDArray[np.bool_] | None = None
        if self._expression.names <= FACT_COLUMNS.keys():
            self._decided = np.asarray(of_catalogue(now, now.facts.where(self._expression)), dtype=np.bool_)

    def holds(self, candidates: Candidates) -> NDArray[np.bool_]:
        """[n]"""
        if self._decided is not None:
            return self._decided[candidates.rows]
        values = candidates.features.matrix(self._features)
        columns = [pl.Series(name, values[:, at], dtype=pl.Float64) for at, name in enumerate(self._features)]
        columns.append(pl.Series(SCORE, candidates.scores, dtype=pl.Float64))
        at = self._facts.rows(self._catalogue.ids[candidates.rows])  # eligible, so the facts have them
        known = sorted(self._expression.names & FACT_COLUMNS.keys())
        rows = pl.DataFrame(columns).fill_nan(None).with_columns(self._facts.readable[name].gather(at) for name in known)
        return np.asarray(self._expression.holds(rows).to_numpy(), dtype=np.bool_)
