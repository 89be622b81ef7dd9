"""Selectors: an exploration policy of `ranking.policies` over the candidates of a pipeline."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field

from core.catalogue import Catalogue
from ranking.linear_bandit import Posterior
from ranking.policies import epsilon, greedy, plackett_luce
from ranking.policies.caps import Caps
from ranking.policies.choice import Choice
from ranking.policies.new_items import NOTHING_NEW, NewItems
from recommender.candidates import Candidates
from recommender.drawn_from import NEW_ITEMS, Reach
from recommender.live import Snapshot
from recommender.parts.caps import CapConfig, caps_of
from recommender.parts.part import PartConfig
from recommender.roles import Query, Selection, Selector

MAX_SPREADS = 2.0  # a fit counts up to so many spreads from the mean: the best is drawn at most 55 times as often as the worst


def _left_out(value: tuple[object, ...]) -> bool:
    """An empty setting is not part of a policy's id: policies of before there was the setting keep theirs."""
    return not value


class SelectorConfig(PartConfig, ABC):
    """What every selector can be told."""

    model_config = ConfigDict(populate_by_name=True)

    caps: tuple[CapConfig, ...] = Field((), alias="cap", exclude_if=_left_out, description="how many items of a group a list has")

    def build(self, now: Snapshot) -> Selector:
        return self.selector(now.catalogue, now.posterior)

    @abstractmethod
    def selector(self, catalogue: Catalogue | None, posterior: Posterior) -> Selector:
        """The selector; caps need the catalogue."""

    def reach(self, positions: int) -> int | None:
        """How many of the best candidates a draw of so many positions can reach; None for all, because caps forbid some."""
        return None if self.caps else positions + self._pooled

    @property
    def _pooled(self) -> int:
        """Candidates beyond the best ones that exploration draws from."""
        return 0


class GreedyConfig(SelectorConfig):
    """The best candidates, always."""

    part: Literal["greedy"] = "greedy"

    def selector(self, catalogue: Catalogue | None, posterior: Posterior) -> GreedySelector:  # noqa: ARG002
        return GreedySelector(self, catalogue)


class EpsilonConfig(SelectorConfig):
    """Mostly the best candidates."""

    part: Literal["epsilon"] = "epsilon"
    epsilon: float = Field(0.05, ge=0, lt=1, description="probability that a position explores")
    pool: int = Field(50, ge=1, le=10_000, description="exploration draws from this many best candidates")
    new_share: float = Field(
        0.5, ge=0, lt=1, description="share of the exploration for what the source new_items found, while it finds something"
    )
    slots: tuple[int, ...] = Field(
        (), exclude_if=_left_out, description="the positions that explore, from 0; the others are greedy; empty: every position"
    )

    @property
    def _pooled(self) -> int:
        return self.pool

    def selector(self, catalogue: Catalogue | None, posterior: Posterior) -> EpsilonSelector:  # noqa: ARG002
        return EpsilonSelector(self, catalogue)


class PlackettLuceConfig(SelectorConfig):
    """Better candidates more often, at every position."""

    part: Literal["plackett_luce"] = "plackett_luce"
    temperature: float = Field(
        0.2, gt=0, le=100, description="how even the draw is, in standard deviations of the pool's scores: towards 0 it is greedy"
    )
    pool: int = Field(50, ge=1, le=10_000, description="positions draw from this many best candidates")
    new_rate: float = Field(
        0.025, ge=0, lt=1, description="probability that a position goes to what the source new_items found, while it finds any"
    )

    @property
    def _pooled(self) -> int:
        return self.pool

    def selector(self, catalogue: Catalogue | None, posterior: Posterior) -> PlackettLuceSelector:  # noqa: ARG002
        return PlackettLuceSelector(self, catalogue)


class CappedSelector:
    """What selectors have in common."""

    def __init__(self, caps: tuple[CapConfig, ...], catalogue: Catalogue | None) -> None:
        self._cap_configs = caps
        self._catalogue = catalogue

    def _caps(self, candidates: Candidates) -> Caps | None:
        return None if self._catalogue is None else caps_of(self._cap_configs, self._catalogue, candidates.rows)


class GreedySelector(CappedSelector):
    """`ranking.policies.greedy`."""

    name = "greedy"

    def __init__(self, config: GreedyConfig, catalogue: Catalogue | None) -> None:
        super().__init__(config.caps, catalogue)
        self._config = config

    def select(self, query: Query, candidates: Candidates) -> Selection:
        choice = greedy.choose(candidates.scores, query.page.end, self._caps(candidates))
        return selection(candidates, choice, Reach(candidates, self._config.reach(query.page.end)))

    def propensities(self, query: Query, candidates: Candidates, rows: NDArray[np.intp]) -> NDArray[np.float32]:  # noqa: ARG002
        return greedy.propensities(candidates.scores, candidates.index(rows), self._caps(candidates))


class EpsilonSelector(CappedSelector):
    """`ranking.policies.epsilon`, drawing by the query's seed."""

    name = "epsilon"

    def __init__(self, config: EpsilonConfig, catalogue: Catalogue | None) -> None:
        super().__init__(config.caps, catalogue)
        self._config = config
        self._slots = frozenset(config.slots) or None

    def select(self, query: Query, candidates: Candidates) -> Selection:
        config, k, scores = self._config, query.page.end, candidates.scores
        new, caps = new_items(candidates, config.new_share), self._caps(candidates)
        choice = epsilon.choose(scores, k, config.epsilon, config.pool, query.seed, new, self._slots, caps)
        return selection(candidates, choice, Reach(candidates, config.reach(k)))

    def propensities(self, query: Query, candidates: Candidates, rows: NDArray[np.intp]) -> NDArray[np.float32]:  # noqa: ARG002
        config, index, scores = self._config, candidates.index(rows), candidates.scores
        new, caps = new_items(candidates, config.new_share), self._caps(candidates)
        return epsilon.propensities(scores, index, config.epsilon, config.pool, new, self._slots, caps)


class PlackettLuceSelector(CappedSelector):
    """`ranking.policies.plackett_luce`, drawing by the query's seed."""

    name = "plackett_luce"

    def __init__(self, config: PlackettLuceConfig, catalogue: Catalogue | None) -> None:
        super().__init__(config.caps, catalogue)
        self._config = config

    def select(self, query: Query, candidates: Candidates) -> Selection:
        config, k, scores = self._config, query.page.end, candidates.scores
        new, caps = new_items(candidates, config.new_rate), self._caps(candidates)
        choice = plackett_luce.choose(scores, k, config.temperature, config.pool, query.seed, new, caps)
        return selection(candidates, choice, Reach(candidates, config.reach(k)))

    def propensities(self, query: Query, candidates: Candidates, rows: NDArray[np.intp]) -> NDArray[np.float32]:  # noqa: ARG002
        config, index, scores = self._config, candidates.index(rows), candidates.scores
        new, caps = new_items(candidates, config.new_rate), self._caps(candidates)
        return plackett_luce.propensities(scores, index, config.temperature, config.pool, new, caps)


def new_items(candidates: Candidates, share: float) -> NewItems:
    """What the source `new_items` found, each by its fit: one that fits by a spread more is drawn e times as often.

    In the order of their scores, so that the draw does not depend on the order in which sources found them.
    """
    fits = candidates.scores_of(NEW_ITEMS)
    index = np.flatnonzero(~np.isnan(fits))
    if not len(index) or not share:
        return NOTHING_NEW
    index = index[np.argsort(-candidates.scores[index], kind="stable")]
    fit = fits[index].astype(np.float64)
    spread = max(float(fit.std()), 1e-9)
    return NewItems(index, np.exp(np.clip((fit - fit.mean()) / spread, -MAX_SPREADS, MAX_SPREADS)), share)


def selection(candidates: Candidates, choice: Choice, reach: Reach) -> Selection:
    """The chosen candidates."""
    return Selection(
        rows=candidates.rows[choice.index],
        scores=candidates.scores[choice.index],
        propensities=choice.propensities,
        explored=choice.explored,
        sources=candidates.sources,
        found=candidates.found[choice.index],
        over_cap=choice.over_cap,
        reach=reach,
    )
