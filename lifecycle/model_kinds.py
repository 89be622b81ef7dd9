"""The kinds of model that a release blends, each served alone: whether the blend is worth what it costs.

Every kind answers the same queries through the recommender that serves the release, with its own candidate source and what is
popular to fill up with. So quality, time a list, training and size stand in one table for the same data.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core import bundle
from core.catalogue import Catalogue
from core.features import Profiles
from core.progress import steps
from evaluation.beyond import coverage
from evaluation.blended import Learned
from evaluation.intervals import paired_bootstrap
from evaluation.metrics import hit_rate, ndcg
from evaluation.queries import LabelledQuery
from evaluation.ranking import K, Ranked, rank_all, rank_lists
from evaluation.report import markdown
from feature_repo.stats_over_time import StatsOverTime
from lifecycle import judging
from lifecycle.figures import Figures, ModelFigures
from recommender.live import Snapshot
from recommender.parts.item_to_item import EaseSourceConfig, TransitionsConfig
from recommender.parts.registry import AnySource
from recommender.parts.scorers import RetrievalConfig
from recommender.parts.two_tower import TwoTowerConfig
from recommender.policy import Policy
from recommender.recommender import Offline
from retrieval.ease import EaseTable

MAX_QUERIES = 1_000  # that every kind answers, drawn evenly: some ten seconds a kind
SERVED = "as served"
TOWER_FILES = (bundle.USER_TOWER, bundle.TOWER_WEIGHTS, bundle.ITEM_EMBEDDINGS)
COUNTED_FILES = (bundle.TRANSITIONS, bundle.EASE, bundle.RANKER, bundle.MLP_RANKER)  # the other models of a bundle
LEGEND = (
    "Difference: negative where the kind is worse than what is served; 95 %, paired bootstrap over users. Training: one of the "
    "chosen configuration; of EASE with every ridge that was compared; as served: all of them and the ranker. A list: median, "
    "with the user's encoding, one request at a time on the machine of the build. Size: of its files in a bundle."
)
_MEGABYTE = 1e6


@dataclass(frozen=True, eq=False)
class ModelKind:
    """A kind of model, ready to serve, and what it cost."""

    name: str
    now: Snapshot
    policy: Policy
    training_seconds: float
    size: int  # bytes


def kinds_of(
    learned: Learned, served: Snapshot, policy: Policy, ranking_seconds: float, choice: Sequence[LabelledQuery]
) -> list[ModelKind]:
    """What is served, the two towers, EASE and transitions. `served` has its files in its release's folder.

    `policy` is the one that was judged; EASE alone has the ridge that predicts the queries of the choice best.
    """
    folder, seconds = served.release.folder, {"two towers": learned.towers.seconds, **learned.seconds}
    ease = _best_alone(learned.eases, choice, served.catalogue)
    whole = sum(seconds.values()) + ranking_seconds
    alone = partial(_alone, served)
    return [
        ModelKind(SERVED, served, policy, whole, _bytes(folder, (*TOWER_FILES, *COUNTED_FILES))),
        ModelKind("two towers", alone(), _only(policy, TwoTowerConfig()), seconds["two towers"], _bytes(folder, TOWER_FILES)),
        ModelKind("EASE", alone(ease), _only(policy, EaseSourceConfig()), seconds["ease"], _bytes_saved(ease)),
        ModelKind(
            "transitions",
            alone(),
            _only(policy, TransitionsConfig()),
            seconds["transitions"],
            _bytes(folder, (bundle.TRANSITIONS,)),
        ),
    ]


def compare_kinds(
    kinds: Sequence[ModelKind], interactions: pl.DataFrame, start: float, end: float, profiles: Profiles | None = None
) -> list[ModelFigures]:
    """Predict events from `start` to `end` (of the timeline) with each kind; differences are to the first."""
    catalogue = kinds[0].now.catalogue
    found = judging.queries(interactions, catalogue, start, end, MAX_QUERIES, profiles=profiles)
    stats, users = judging.over(found, interactions, catalogue), np.array([query.user_id for query in found], dtype=np.int64)
    made = [_lists(kind, found, stats) for kind in kinds]
    first = made[0][0].ranks
    return [_figures(kind, ranked, first, users, seconds) for kind, (ranked, seconds) in zip(kinds, made, strict=True)]


def models_table(figures: Figures) -> str:
    """One row for each kind of model, in Markdown, and what the columns mean."""
    queries = figures.models[0].queries if figures.models else 0
    said = f"Each kind of model alone, on the same {queries:,} later events."
    return f"{said}\n\n{markdown(models_rows(figures))}\n{LEGEND}\n"


def models_rows(figures: Figures) -> dict[str, dict[str, str | float]]:
    """The table's cells by kind of model and column."""
    return {
        one.name: {
            "NDCG@10": one.ndcg,
            "NDCG@10 minus served, 95 %": _interval(one.ndcg_low, one.ndcg_high) if one.name != SERVED else "",
            "HR@10": one.hr,
            "HR@10 minus served, 95 %": _interval(one.hr_low, one.hr_high) if one.name != SERVED else "",
            "coverage@10": one.coverage,
            "training, s": f"{one.training_seconds:,.1f}",
            "a list, ms": f"{one.milliseconds:.1f}",
            "size, MB": f"{one.megabytes:,.1f}",
        }
        for one in figures.models
    }


def _figures(
    kind: ModelKind, ranked: Ranked, first: NDArray[np.int64], users: NDArray[np.int64], seconds: Sequence[float]
) -> ModelFigures:
    gain, hits = (paired_bootstrap(metric(ranked.ranks, K), metric(first, K), users) for metric in (ndcg, hit_rate))
    return ModelFigures(
        name=kind.name,
        ndcg=float(ndcg(ranked.ranks, K).mean()),
        ndcg_low=gain.low,
        ndcg_high=gain.high,
        hr=float(hit_rate(ranked.ranks, K).mean()),
        hr_low=hits.low,
        hr_high=hits.high,
        coverage=coverage(ranked.shown, len(kind.now.catalogue)),
        training_seconds=kind.training_seconds,
        milliseconds=float(np.median(seconds)) * 1e3,
        megabytes=kind.size / _MEGABYTE,
        queries=len(users),
    )


def _lists(kind: ModelKind, found: Sequence[LabelledQuery], stats: StatsOverTime) -> tuple[Ranked, list[float]]:
    """The lists as ranks, and the seconds that each took. One request after the other, so the user's encoding counts too."""
    rows, seconds = [], []
    progress = steps(kind.name, len(found))
    with closing(asyncio.new_event_loop()) as loop:
        for now, part in judging.as_time_passes(found, kind.now, stats):
            with Offline(now, kind.policy.greedy()) as offline:
                for query in judging.requests(part, K):
                    made = loop.run_until_complete(offline.recommender.recommend(query))
                    if failed := made.trace.failed():
                        raise RuntimeError(f"{failed[0].stage} {failed[0].part}: {failed[0].error}")
                    rows.append(made.selection.rows)
                    seconds.append(made.seconds)
                    progress.update()
    progress.close()
    return rank_lists(rows, found, kind.name), seconds


def _alone(served: Snapshot, ease: EaseTable | None = None) -> Snapshot:
    """Without the weights of a blend: a single source's own order stays as it is."""
    release = served.release
    manifest = release.manifest.model_copy(update={"config": {}})
    return replace(served, release=replace(release, manifest=manifest, ease=ease))


def _only(policy: Policy, source: AnySource) -> Policy:
    """The same policy with this source alone, as the policy configures it if it has it, and with what fills lists up."""
    own = next((one for one in policy.sources if one.part == source.part), source)
    filling = tuple(one for one in policy.sources if one.fills)
    return policy.model_copy(update={"sources": (own, *filling), "hydrators": (), "scorers": (RetrievalConfig(),)})


def _best_alone(tables: Mapping[float, EaseTable], choice: Sequence[LabelledQuery], catalogue: Catalogue) -> EaseTable:
    """The table with the highest NDCG@10; without queries of known users the first."""
    warm = [query for query in choice if query.user is not None]
    some = [warm[at] for at in np.linspace(0, len(warm) - 1, min(len(warm), MAX_QUERIES)).astype(int)]

    def quality(ridge: float) -> float:
        ranked = rank_all(_EaseScorer(tables[ridge], catalogue), some, catalogue)
        return float(ndcg(ranked.ranks, K).mean()) if some else 0.0

    return tables[max(sorted(tables), key=quality)]


@dataclass(frozen=True, eq=False)
class _EaseScorer:
    """A table as a scorer of the whole catalogue."""

    table: EaseTable
    catalogue: Catalogue
    name: str = "EASE"

    def scores(self, queries: Sequence[LabelledQuery]) -> NDArray[np.float32]:
        return self.table.scores_of([query.user for query in queries], self.catalogue)


def _bytes(folder: Path, names: Sequence[str]) -> int:
    """Of those of these files that there are."""
    return sum((folder / name).stat().st_size for name in names if (folder / name).is_file())


def _bytes_saved(table: EaseTable) -> int:
    with TemporaryDirectory() as folder:
        table.save(Path(folder) / bundle.EASE)
        return _bytes(Path(folder), (bundle.EASE,))


def _interval(low: float, high: float) -> str:
    return f"{low:+.4f} to {high:+.4f}"
