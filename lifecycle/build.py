"""Builds a release: trains on the past, makes its choices on the events after that, and measures on the newest ones.

    events in time:  |------ towers learn ------|-- ranker learns --|-- scorer is chosen --|-- the gate's figures --|
                                             t_towers            t_ranker              t_choice                  now

No part is evaluated on events that were used to train it or to choose it.
"""

from __future__ import annotations

import shutil
import time
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from core import bundle
from core import columns as c
from core.bundle import Manifest
from core.catalogue import Catalogue, ItemStats
from core.errors import InvalidInput
from core.feature_schema import FeatureSchema
from core.features import Profiles
from core.items import TAG_SCHEMA, with_tags
from core.ports import Echo
from datasets.splits import before, cutoff
from evaluation.blending import MAX_QUERIES, Blend, choose_blend
from evaluation.watched import as_frame, reference_columns
from feature_repo.item_stats import item_stats
from lifecycle import judging, model_card
from ranking.ranker import Ranker, RankerConfig, train_ranker
from recommender.live import Snapshot
from recommender.policy import SCORERS, Policy
from recommender.release import TRANSITION_WEIGHT, Release
from retrieval.adapters.mirror import MirrorIndex
from retrieval.config import TrainConfig
from retrieval.encoder import UserEncoder
from retrieval.export import export
from retrieval.training import TrainedTowers, train_towers
from retrieval.transitions import Transitions


@dataclass(frozen=True, eq=False)
class TrainingData:
    """What a release learns from: lake rows, their Delta versions, and a description for the model card."""

    interactions: pl.DataFrame
    catalogue: Catalogue
    data_version: dict[str, int]
    description: str
    licence: str
    profiles: Profiles = field(default_factory=dict)  # users' static attributes ("age:25") by user id
    tags: pl.DataFrame = field(default_factory=TAG_SCHEMA.to_frame)  # what users called items, and when

    def as_of(self, moment: float) -> TrainingData:
        """With the tags that items had by `moment` (Unix seconds) as content; a later tag would leak what is to be predicted."""
        if self.tags.is_empty():
            return self
        return replace(self, catalogue=Catalogue.from_frame(with_tags(self.catalogue.to_frame(), self.tags, moment)))


@dataclass(frozen=True)
class BuildConfig:
    """The cuts as shares of the events in time order, and how many queries each later part may use."""

    towers_until: float = 0.80
    ranker_until: float = 0.90
    choice_until: float = 0.95
    ranker_queries: int = 10_000
    ranker: RankerConfig = field(default_factory=RankerConfig)

    def __post_init__(self) -> None:
        cuts = (self.towers_until, self.ranker_until, self.choice_until)
        if not 0 < cuts[0] < cuts[1] < cuts[2] < 1:
            raise InvalidInput("cuts", cuts, "increasing shares between 0 and 1")


@dataclass(frozen=True)
class Cuts:
    """The moments between the periods, in Unix seconds."""

    towers: float
    ranker: float
    choice: float
    end: float

    @classmethod
    def of(cls, interactions: pl.DataFrame, config: BuildConfig) -> Cuts:
        return cls(
            towers=cutoff(interactions, config.towers_until),
            ranker=cutoff(interactions, config.ranker_until),
            choice=cutoff(interactions, config.choice_until),
            end=float(np.nextafter(interactions[c.TS].to_numpy().max(), np.inf)),
        )


def build_release(
    data: TrainingData,
    config: BuildConfig,
    train: TrainConfig,
    workdir: Path,
    *,
    policy: Policy,
    feature_schema: FeatureSchema,
    code_version: str,
    seed: int,
    echo: Echo,
) -> Path:
    """Train, choose, measure, and write a complete bundle; returns its folder, named after the release.

    `policy` is the one that will serve it: the ranker learns from its candidates, and its lists are judged. An interrupted
    training goes on where it stopped. Raises DatasetError when there is too little to learn from.
    """
    cuts = Cuts.of(data.interactions, config)
    data = data.as_of(cuts.towers)
    draft = workdir / "draft"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    past = before(data.interactions, cuts.towers)
    echo(f"towers learn from {len(past):,} of {len(data.interactions):,} events")
    start = time.perf_counter()
    trained = train_towers(past, data.catalogue, train, workdir, seed=seed, progress=True, profiles=data.profiles)
    echo(f"towers trained in {time.perf_counter() - start:.0f} s, {trained.metrics['epochs']:.0f} epochs")
    transitions = Transitions.fit(past, data.catalogue)
    transitions.save(draft / bundle.TRANSITIONS)
    blend = _blend(data, cuts, trained, transitions, config, seed)
    echo(str(blend))
    export(trained, draft)
    chosen = {"policy": policy.id, "spectral_weight": blend.spectral, TRANSITION_WEIGHT: blend.transitions}
    manifest = _draft_manifest(data, cuts, trained, feature_schema, code_version, {**train.model_dump(), "seed": seed, **chosen})
    unranked = _draft_snapshot(
        draft, manifest, data, item_stats(data.interactions, data.catalogue, cuts.towers), trained, transitions
    )
    ranker = _train_ranker(data, cuts, config, unranked, policy, seed, echo)
    ranker.save(draft / bundle.RANKER)
    ranked = replace(unranked, release=replace(unranked.release, ranker=ranker))
    scorer = _choose(data, cuts, ranked, policy, echo)
    judged = judging.judge(data.interactions, ranked, policy.scored_by(scorer), cuts.choice, cuts.end, data.profiles)
    echo(f"on {judged.metrics['queries']:.0f} later events:\n{judged.table}")
    metrics = {**judged.metrics, **{f"training_{name}": float(value) for name, value in trained.metrics.items()}}
    used = replace(feature_schema, history=unranked.encoder.history_length, candidate=ranker.names)
    update = {
        "metrics": metrics,
        "config": {**manifest.config, "scorer": scorer},
        "features": used,
        "feature_schema": used.digest,
    }
    manifest = manifest.model_copy(update=update)
    _write_data(data, cuts, seed, draft)
    card = model_card.render(manifest, data.description, data.licence, f"{judging.PROTOCOL}\n\n{judged.table}")
    (draft / bundle.MODEL_CARD).write_text(card)
    return seal(draft, manifest)


def _draft_manifest(
    data: TrainingData, cuts: Cuts, trained: TrainedTowers, schema: FeatureSchema, code_version: str, config: dict[str, object]
) -> Manifest:
    """The manifest of a release that has no figures and no files yet."""
    return Manifest(
        release=new_name(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        code_version=code_version,
        data_version=data.data_version,
        trained_until=cuts.choice,
        feature_schema=schema.digest,
        dim=trained.item_embeddings.shape[1],
        n_items=len(data.catalogue),
        metrics={},
        config=config,
        files={},
    )


def _draft_snapshot(
    draft: Path, manifest: Manifest, data: TrainingData, stats: ItemStats, trained: TrainedTowers, transitions: Transitions
) -> Snapshot:
    """The parts built so far, as a release that the recommender can use."""
    vectors = trained.item_embeddings
    encoder = UserEncoder(draft / bundle.USER_TOWER, vectors, data.catalogue)
    index = MirrorIndex()
    index.publish(manifest.release, data.catalogue.ids, vectors)
    return Snapshot.of(Release(draft, manifest, data.catalogue, stats, vectors, encoder, None, transitions), index)


def _train_ranker(
    data: TrainingData, cuts: Cuts, config: BuildConfig, now: Snapshot, policy: Policy, seed: int, echo: Echo
) -> Ranker:
    """Learn from the policy's candidates for events that the towers had not seen."""
    queries = judging.queries(
        data.interactions, now.catalogue, cuts.towers, cuts.ranker, config.ranker_queries, seed, data.profiles
    )
    rows = judging.ranking_rows(queries, now, policy.scored_by("retrieval"))
    echo(f"the ranker learns from {len(rows.groups):,} of {len(queries):,} queries; in the others the target was not a candidate")
    return train_ranker(rows.features, rows.relevant, rows.groups, config.ranker, seed)


def _blend(
    data: TrainingData, cuts: Cuts, trained: TrainedTowers, transitions: Transitions, config: BuildConfig, seed: int
) -> Blend:
    """Weights chosen on events that neither towers nor transitions have seen. The ranker learns from the same period."""
    found = judging.queries(
        data.interactions, data.catalogue, cuts.towers, cuts.ranker, min(config.ranker_queries, MAX_QUERIES), seed, data.profiles
    )
    return choose_blend(trained, transitions, found, data.catalogue)


def _choose(data: TrainingData, cuts: Cuts, now: Snapshot, policy: Policy, echo: Echo) -> str:
    """`lambdamart` if it beat the sources' own order on the period of the choice, else `retrieval`."""
    decided = {scorer: policy.scored_by(scorer) for scorer in SCORERS}
    scores = judging.compare(data.interactions, now, decided, cuts.ranker, cuts.choice, data.profiles)
    best = max(scores, key=lambda scorer: scores[scorer])
    echo(f"order by {best}: " + ", ".join(f"{name} NDCG@10 {value:.4f}" for name, value in scores.items()))
    return best


def _write_data(data: TrainingData, cuts: Cuts, seed: int, draft: Path) -> None:
    """The parts of the bundle that are data: catalogue, statistics as of now, and the watchdog's reference."""
    stats = item_stats(data.interactions, data.catalogue, cuts.end)
    data.catalogue.to_frame().write_parquet(draft / bundle.CATALOGUE)
    stats.write(draft / bundle.ITEM_STATS)
    as_frame(reference_columns(data.interactions, data.catalogue, stats, seed)).write_parquet(draft / bundle.REFERENCE)


def new_name() -> str:
    """A release's name: when it was made (UTC), and a random suffix that makes it unique."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}"


def seal(draft: Path, manifest: Manifest) -> Path:
    """Write the manifest with the files' digests and give the folder its name."""
    sealed = manifest.model_copy(update={"files": bundle.digests(draft)})
    sealed.write(draft)
    return draft.rename(draft.with_name(sealed.release))
