"""Selectors: an exploration policy of `ranking.policies` over the candidates of a pipeline."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field

from core.catalogue import Catalogue
from ranking.policies import epsilon, greedy, plackett_luce
from ranking.policies.caps import Caps
from ranking.policies.choice import Choice
from ranking.policies.new_items import NOTHING_NEW, NewItems
from recommender.candidates import Candidates
from recommender.live import Snapshot
from recommender.parts.caps import CapConfig, caps_of
from recommender.parts.part import PartConfig
from recommender.roles import Query, Selection

NEW_ITEMS = "new_items"  # the source whose items exploration has to show
MAX_SPREADS = 2.0  # a fit counts up to so many spreads from the mean: the best is drawn at most 55 times as often as the worst


def _left_out(value: tuple[object, ...]) -> bool:
    """An empty setting is not part of a policy's id: policies of before there was the setting keep theirs."""
    return not value


class SelectorConfig(PartConfig):
    """What every selector can be told."""

    model_config = ConfigDict(populate_by_name=True)

    caps: tuple[CapConfig, ...] = Field((), alias="cap", exclude_if=_left_out, description="how many items of a group a list has")


class GreedyConfig(SelectorConfig):
    """The best candidates, always."""

    part: Literal["greedy"] = "greedy"

    def build(self, now: Snapshot) -> GreedySelector:
        return GreedySelector(self, now.catalogue)


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

    def build(self, now: Snapshot) -> EpsilonSelector:
        return EpsilonSelector(self, now.catalogue)


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

    def build(self, now: Snapshot) -> PlackettLuceSelector:
        return PlackettLuceSelector(self, now.catalogue)


class GreedySelector:
    """`ranking.policies.greedy`."""

    name = "greedy"

    def __init__(self, config: GreedyConfig, catalogue: Catalogue) -> None:
        self._config = config
        self._catalogue = catalogue

    def select(self, query: Query, candidates: Candidates) -> Selection:
        return selection(candidates, greedy.choose(candidates.scores, query.page.end, self._caps(candidates)))

    def propensities(self, query: Query, candidates: Candidates, rows: NDArray[np.intp]) -> NDArray[np.float32]:  # noqa: ARG002
        return greedy.propensities(candidates.scores, candidates.index_of(rows), self._caps(candidates))

    def _caps(self, candidates: Candidates) -> Caps | None:
        return caps_of(self._config.caps, self._catalogue, candidates.rows)


class EpsilonSelector:
    """`ranking.policies.epsilon`, drawing by the query's seed."""

    name = "epsilon"

    def __init__(self, config: EpsilonConfig, catalogue: Catalogue) -> None:
        self._config = config
        self._catalogue = catalogue
        self._slots = frozenset(config.slots) or None

    def select(self, query: Query, candidates: Candidates) -> Selection:
        rate, pool, new, caps = self._drawn_by(candidates)
        return selection(
            candidates, epsilon.choose(candidates.scores, query.page.end, rate, pool, query.seed, new, self._slots, caps)
        )

    def propensities(self, query: Query, candidates: Candidates, rows: NDArray[np.intp]) -> NDArray[np.float32]:  # noqa: ARG002
        rate, pool, new, caps = self._drawn_by(candidates)
        return epsilon.propensities(candidates.scores, candidates.index_of(rows), rate, pool, new, self._slots, caps)

    def _drawn_by(self, candidates: Candidates) -> tuple[float, int, NewItems, Caps | None]:
        config = self._config
        caps = caps_of(config.caps, self._catalogue, candidates.rows)
        return config.epsilon, config.pool, new_items(candidates, config.new_share), caps


class PlackettLuceSelector:
    """`ranking.policies.plackett_luce`, drawing by the query's seed."""

    name = "plackett_luce"

    def __init__(self, config: PlackettLuceConfig, catalogue: Catalogue) -> None:
        self._config = config
        self._catalogue = catalogue

    def select(self, query: Query, candidates: Candidates) -> Selection:
        temperature, pool, new, caps = self._drawn_by(candidates)
        return selection(
            candidates, plackett_luce.choose(candidates.scores, query.page.end, temperature, pool, query.seed, new, caps)
        )

    def propensities(self, query: Query, candidates: Candidates, rows: NDArray[np.intp]) -> NDArray[np.float32]:  # noqa: ARG002
        temperature, pool, new, caps = self._drawn_by(candidates)
        return plackett_luce.propensities(candidates.scores, candidates.index_of(rows), temperature, pool, new, caps)

    def _drawn_by(self, candidates: Candidates) -> tuple[float, int, NewItems, Caps | None]:
        config = self._config
        caps = caps_of(config.caps, self._catalogue, candidates.rows)
        return config.temperature, config.pool, new_items(candidates, config.new_rate), caps


def new_items(candidates: Candidates, share: float) -> NewItems:
    """What the source `new_items` found, each by its fit: one that fits by a spread more is drawn e times as often."""
    fits = candidates.scores_of(NEW_ITEMS)
    index = np.flatnonzero(~np.isnan(fits))
    if not len(index) or not share:
        return NOTHING_NEW
    fit = fits[index].astype(np.float64)
    spread = max(float(fit.std()), 1e-9)
    return NewItems(index, np.exp(np.clip((fit - fit.mean()) / spread, -MAX_SPREADS, MAX_SPREADS)), share)


def selection(candidates: Candidates, choice: Choice) -> Selection:
    """The chosen candidates."""
    return Selection(
        rows=candidates.rows[choice.index],
        scores=candidates.scores[choice.index],
        propensities=choice.propensities,
        explored=choice.explored,
        sources=candidates.sources,
        found=candidates.found[choice.index],
        over_cap=choice.over_cap,
    )
