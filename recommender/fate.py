"""What became of one item in one request: in which place it is shown, or which stage kept it out of the list and why.

The same parts as for the list go through the same request once more, and the item is followed. On demand: as long as a few lists.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from recommender.candidates import Candidates
from recommender.live import Snapshot
from recommender.policy import Policy
from recommender.roles import Eligible, Query, Selection
from recommender.runner import Pipeline

MAX_DEPTH = 10_000  # candidates that a source is asked for to see where in it an item would have been
# the stage that decided
RELEASE, FILTER, SOURCE, SELECTOR, PAGE, SHOWN = "release", "filter", "source", "selector", "page", "shown"
STAGES = (RELEASE, FILTER, SOURCE, SELECTOR, PAGE, SHOWN)


@dataclass(frozen=True, slots=True)
class SourceRank:
    """Where an item stands among all eligible items of a source: from 1; None where the source has nothing to say for it."""

    part: str
    asked: int  # candidates that the policy lets it fetch
    found: bool  # whether the item was one of them
    rank: int | None


@dataclass(frozen=True, slots=True)
class Fate:
    """`position` counts from 0 as those of a list do, `rank` from 1 by score among the candidates."""

    stage: str  # one of STAGES
    part: str  # of the pipeline, that decided
    text: str
    sources: tuple[SourceRank, ...] = ()
    rank: int | None = None
    score: float | None = None
    position: int | None = None


def fate_of(now: Snapshot, policy: Policy, pipeline: Pipeline, query: Query, item: int) -> Fate:
    """The fate of an item (its key) in a request. CPU-bound. Raises DependencyUnavailable."""
    row = int(now.catalogue.rows([item])[0])
    if row < 0:
        return Fate(RELEASE, now.name, f"The release {now.name} does not know it: it came after the release was built")
    eligible = pipeline.eligibility.of(query)
    if not eligible[row]:
        return Fate(FILTER, pipeline.eligibility.name, pipeline.eligibility.refusal(query, row))
    for asked in pipeline.eligibility.asked(query):
        asked.narrow(query, eligible)
        if not eligible[row]:
            return Fate(FILTER, asked.name, asked.refusal)
    for filter_ in pipeline.filters:
        filter_.narrow(query, eligible)
        if not eligible[row]:
            return Fate(FILTER, filter_.name, f"The filter {filter_.name} drops it: {_said_by(filter_)}")
    scored = pipeline.scored(query, eligible)
    whole = pipeline.selected(query, scored, eligible)
    sources = _ranks(now, policy, query, eligible, scored, row)
    return replace(_placed(pipeline, query, scored, whole, row), sources=sources)


def _placed(pipeline: Pipeline, query: Query, scored: Candidates, whole: Selection, row: int) -> Fate:
    """Where the item is in the list up to the page's end, or what kept it out."""
    at = np.flatnonzero(scored.rows == row)
    score = float(scored.scores[at[0]]) if len(at) else None
    rank = int((scored.scores > scored.scores[at[0]]).sum()) + 1 if len(at) else None
    places = np.flatnonzero(whole.rows == row)
    if len(places):
        position = int(places[0])
        how = "by exploration" if whole.explored[position] else "by its score" if rank else "to complete the page"
        if whole.labels and whole.labels[position]:
            how = f"by the slot {whole.labels[position]}"
        page = "" if position >= query.page.offset else ", on an earlier page"
        return Fate(
            SHOWN, pipeline.selector.name, f"It is in place {position + 1} of the list{page}, {how}", (), rank, score, position
        )
    if rank is None:
        return Fate(SOURCE, "", "No source found it among as many candidates as the policy lets it fetch")
    if rank <= query.page.end:
        why = f"Its score has rank {rank}, which is on the page, but {pipeline.selector.name} gave the place to another item"
        return Fate(SELECTOR, pipeline.selector.name, why, (), rank, score)
    if not scored.primary[at[0]]:
        why = f"Only sources that fill lists up found it; it has rank {rank}, and this request did not explore it"
        return Fate(SELECTOR, pipeline.selector.name, why, (), rank, score)
    why = f"Its score has rank {rank} of {len(scored)} candidates, and the page ends with place {query.page.end}"
    scorer = pipeline.scorers[-1].name if pipeline.scorers else "source"
    return Fate(PAGE, scorer, why, (), rank, score)


def _ranks(
    now: Snapshot, policy: Policy, query: Query, eligible: Eligible, scored: Candidates, row: int
) -> tuple[SourceRank, ...]:
    """In each source. One that did not find the item is asked again, for many more candidates."""
    at = np.flatnonzero(scored.rows == row)
    ranks = []
    for config in policy.sources:
        scores = scored.scores_of(config.part)
        found = bool(len(at)) and not np.isnan(scores[at[0]])
        if found:
            rank: int | None = int((scores > scores[at[0]]).sum()) + 1
        else:
            deep = config.model_copy(update={"k": min(len(now.catalogue), MAX_DEPTH)}).build(now)
            places = np.flatnonzero(deep.fetch(query, eligible).rows == row)
            rank = int(places[0]) + 1 if len(places) else None
        ranks.append(SourceRank(config.part, config.k, found, rank))
    return tuple(ranks)


def _said_by(part: object) -> str:
    """The first line of a part's description, which says what it drops."""
    return ((part.__doc__ or "").strip().splitlines() or [""])[0].rstrip(".")
