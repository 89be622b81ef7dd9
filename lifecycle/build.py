"""Builds a release: trains on the past, makes its choices on the events after that, measures on the newest ones, trains again.

No part is evaluated on events that were used to train it or to choose it (`lifecycle.cuts` has the periods). So what is judged is
a twin that does not know the newest events. The release that serves learned from all of them, with the twin's settings.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from core import bundle
from core.bundle import Comparison, Manifest
from core.catalogue import Catalogue
from core.feature_schema import FeatureSchema
from core.features import Profiles
from core.items import TAG_SCHEMA, with_tags
from core.ports import Echo
from datasets.splits import before
from datasets.timeline import has_times, timeline
from evaluation.blended import Learned, Learner
from evaluation.blending import BlendWeights
from evaluation.queries import LabelledQuery
from evaluation.user_vectors import user_reference
from evaluation.watched import as_frame, reference_columns
from feature_repo.item_stats import item_stats
from lifecycle import judging, model_card
from lifecycle.behaviour import behave, some_users
from lifecycle.cuts import BuildConfig, Cuts, after_all
from lifecycle.face_off import Served, as_served, face_off
from lifecycle.figures import Figures
from lifecycle.model_kinds import compare_kinds, kinds_of, models_table
from lifecycle.sealing import new_name, seal
from lifecycle.unranked import blend_config, unranked
from ranking.mlp import MlpRanker
from ranking.mlp_training import train_mlp
from ranking.ranker import Ranker
from ranking.ranker_training import train_ranker
from recommender.live import Snapshot
from recommender.parts.scorers import MLP
from recommender.policy import SCORERS, Policy
from recommender.release import Release, read_release
from recommender.segments import segment_counts
from retrieval.encoder import UserEncoder
from retrieval.preset import Preset

# in a manifest's config, beside the training configuration
EASE_RIDGE, REFIT = "ease_ridge", "refit"


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


@dataclass(frozen=True, eq=False)
class JudgedTwin:
    """A release of the past alone: what was chosen with it, and its figures."""

    learned: Learned
    weights: BlendWeights
    ranker: Ranker
    scorer: str
    metrics: dict[str, float]
    figures: Figures
    compared: Comparison | None

    @property
    def config(self) -> dict[str, object]:
        """The choices, as a manifest has them."""
        return {
            "spectral_weight": self.weights.spectral,
            EASE_RIDGE: self.weights.ridge,
            **blend_config(self.weights),
            "scorer": self.scorer,
        }


def build_release(
    data: TrainingData,
    config: BuildConfig,
    preset: Preset,
    workdir: Path,
    *,
    policy: Policy,
    feature_schema: FeatureSchema,
    code_version: str,
    seed: int,
    echo: Echo,
    production: Release | None = None,
) -> Path:
    """Train, choose, measure, train again on everything, and write a bundle; returns its folder, named after the release.

    `policy` is the one that will serve it: the ranker learns from its candidates, and its lists are judged. The settings are
    compared with `production` on the newest events, which neither has learned from. An interrupted training goes on where it
    stopped. Raises DatasetError when there is too little to learn from.
    """
    draft = workdir / "draft"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    past = replace(data, interactions=timeline(data.interactions))
    cuts, end = Cuts.of(past.interactions, config), after_all(data.interactions)
    timed = has_times(data.interactions)
    then, now = past.as_of(cuts.towers), data.as_of(end)
    builder = _Builder(then, cuts, config, preset, workdir, policy, seed, echo, production if timed else None)
    twin = builder.twin(draft)
    served = _refit(now, twin, preset, workdir, seed, echo) if config.refit else twin.learned
    served.save(draft)
    _write_data(now if config.refit else replace(then, interactions=data.interactions), seed, draft)
    chosen = twin.learned.towers.config.model_dump()
    used = replace(feature_schema, history=served.towers.config.history_length, candidate=twin.ranker.names)
    manifest = Manifest(
        release=new_name(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        code_version=code_version,
        data_version=data.data_version,
        trained_until=end if config.refit or not timed else cuts.choice,
        judged_from=cuts.choice if timed else None,
        feature_schema=used.digest,
        features=used,
        dim=served.towers.item_embeddings.shape[1],
        n_items=len(data.catalogue),
        n_events=len(data.interactions),
        compared=twin.compared,
        metrics=twin.metrics,
        config={**chosen, "seed": seed, "policy": policy.id, "preset": preset.name, REFIT: config.refit, **twin.config},
        files={},
    )
    served_as = as_served(read_release(draft, manifest), policy)
    behaviour = behave(served_as.now, policy, some_users(data.interactions, served_as.now.catalogue))
    manifest = manifest.model_copy(update={"metrics": {**manifest.metrics, **behaviour}})
    figures = twin.figures.with_curve("learning", twin.learned.towers.curve)
    figures = figures.with_curve("refit", served.towers.curve) if config.refit else figures
    figures.write(draft)
    measured = f"{judging.PROTOCOL}\n\n{figures.judged}\n{models_table(figures)}"
    (draft / bundle.MODEL_CARD).write_text(model_card.render(manifest, data.description, data.licence, measured))
    return seal(draft, manifest)


@dataclass(frozen=True, eq=False)
class Rankers:
    """LambdaMART, and the MLP where the build was asked for one."""

    trees: Ranker
    mlp: MlpRanker | None = None

    def of(self, now: Snapshot) -> Snapshot:
        """With these rankers."""
        return replace(now, release=replace(now.release, ranker=self.trees, mlp=self.mlp))

    def save(self, folder: Path) -> None:
        """Their files of a release bundle."""
        self.trees.save(folder / bundle.RANKER)
        if self.mlp is not None:
            self.mlp.save(folder / bundle.MLP_RANKER)


@dataclass(frozen=True, eq=False)
class _Builder:
    """Makes every choice and every figure from `data`, whose events lie on one timeline."""

    data: TrainingData
    cuts: Cuts
    config: BuildConfig
    preset: Preset
    workdir: Path
    policy: Policy
    seed: int
    echo: Echo
    production: Release | None = None

    def twin(self, draft: Path) -> JudgedTwin:
        """Learn from the past, choose, and judge. The folder `draft` gets the files of what was learned."""
        data, cuts, echo = self.data, self.cuts, self.echo
        past = before(data.interactions, cuts.towers)
        echo(f"towers learn from {len(past):,} of {len(data.interactions):,} events")
        start = time.perf_counter()
        found = judging.queries(
            data.interactions, data.catalogue, cuts.towers, cuts.ranker, self.config.ranker_queries, self.seed, data.profiles
        )
        learner = Learner(data.catalogue, data.profiles, self.preset, self.workdir, self.seed, echo=echo)
        learned, blend = learner.choose(past, found, data.interactions)
        echo(f"trained in {time.perf_counter() - start:.0f} s, {learned.towers.metrics['epochs']:.0f} epochs")
        echo(str(blend))
        learned.save(draft)
        unranked = self._snapshot(draft, learned, blend.weights)
        start = time.perf_counter()
        rankers = self._rankers(found, unranked)
        ranking_seconds = time.perf_counter() - start
        rankers.save(draft)
        ranked = rankers.of(unranked)
        scorer = self._scorer(ranked)
        policy = self.policy.scored_by(scorer)
        judged = judging.judge(data.interactions, ranked, policy, cuts.choice, cuts.end, data.profiles)
        echo(f"on {judged.metrics['queries']:.0f} later events:\n{judged.table}")
        metrics = {**judged.metrics, **{f"training_{name}": float(value) for name, value in learned.towers.metrics.items()}}
        kinds = kinds_of(learned, ranked, policy, ranking_seconds, found)
        start = time.perf_counter()
        models = compare_kinds(kinds, data.interactions, cuts.choice, cuts.end, data.profiles)
        figures = Figures(judged=judged.table, popularity=judged.popularity, models=models)
        echo(f"each kind of model alone, in {time.perf_counter() - start:.0f} s:\n{models_table(figures)}")
        compared = self._compared(learned, blend.weights, rankers, policy)
        learned = replace(learned, eases={})  # nobody needs them any more, and they take space
        return JudgedTwin(learned, blend.weights, rankers.trees, scorer, metrics, figures, compared)

    def _compared(self, chosen: Learned, weights: BlendWeights, rankers: Rankers, policy: Policy) -> Comparison | None:
        """The same settings trained up to the newest events, beside production on those events.

        Not the twin: it knows nothing of the newest fifth, and production may have learned most of it. Production has learned
        everything before its own end, so the window begins there at the earliest.
        """
        if self.production is None:
            return None
        data, start = self.data, max(self.cuts.choice, self.production.manifest.trained_until)
        self.echo("trained up to the newest events, to be compared with production")
        folder = self.workdir / "compared"
        shutil.rmtree(folder / "bundle", ignore_errors=True)
        (folder / "bundle").mkdir(parents=True)
        learned = Learner(data.catalogue, data.profiles, self.preset, folder, self.seed).refit(
            before(data.interactions, start), chosen, weights
        )
        learned.save(folder / "bundle")
        plain = self._snapshot(folder / "bundle", learned, weights)
        served = Served(rankers.of(plain), policy), as_served(self.production, self.policy)
        found = face_off(data.interactions, *served, start, self.cuts.end, data.profiles)
        self.echo(
            f"beside production, release {found.production}, on {found.queries:,} events that both have not seen: NDCG@10 "
            f"{found.ndcg:.4f} against {found.production_ndcg:.4f}, the difference in [{found.low:.4f}, {found.high:.4f}]"
        )
        return found

    def _snapshot(self, draft: Path, learned: Learned, weights: BlendWeights) -> Snapshot:
        """What was learned, as the recommender sees a release."""
        catalogue = self.data.catalogue
        stats = item_stats(self.data.interactions, catalogue, self.cuts.towers)
        tables = learned.transitions, learned.ease
        return unranked(draft, catalogue, learned.towers.item_embeddings, tables, weights, stats)

    def _rankers(self, found: Sequence[LabelledQuery], now: Snapshot) -> Rankers:
        """Learn from the policy's candidates for events that the towers had not seen."""
        rows = judging.ranking_rows(found, now, self.policy.scored_by("retrieval"), self.data.interactions)
        self.echo(f"the ranker learns from {len(rows.groups):,} of {len(found):,} queries; the others' item was not a candidate")
        trees = train_ranker(rows, self.config.ranker, self.seed)
        self.echo(f"the ranker has {trees.trees} trees, and the sources' order weighs {trees.order_weight:g} beside them")
        if self.config.mlp is None:
            return Rankers(trees)
        mlp = train_mlp(rows, self.config.mlp, self.seed)
        self.echo(f"the MLP learned for {mlp.epochs} epochs, and the sources' order weighs {mlp.order_weight:g} beside it")
        return Rankers(trees, mlp)

    def _scorer(self, now: Snapshot) -> str:
        """A ranker if it beat the others and the sources' own order on the period of the choice, else `retrieval`."""
        decided = {scorer: self.policy.scored_by(scorer) for scorer in SCORERS if scorer != MLP or now.release.mlp is not None}
        interactions, cuts = self.data.interactions, self.cuts
        scores = judging.compare(interactions, now, decided, cuts.ranker, cuts.choice, self.data.profiles)
        best = max(scores, key=lambda scorer: scores[scorer])
        self.echo(f"order by {best}: " + ", ".join(f"{name} NDCG@10 {value:.4f}" for name, value in scores.items()))
        return best


def _refit(now: TrainingData, twin: JudgedTwin, preset: Preset, workdir: Path, seed: int, echo: Echo) -> Learned:
    """Learn from all events with what was chosen, so that the release that serves knows the newest ones too.

    The ranker stays: it learned what its features mean from candidates for events that the towers had not seen.
    """
    start = time.perf_counter()
    learner = Learner(now.catalogue, now.profiles, preset, workdir, seed)
    learned = learner.refit(now.interactions, twin.learned, twin.weights)
    echo(f"trained again on all {len(now.interactions):,} events in {time.perf_counter() - start:.0f} s")
    return learned


def _write_data(data: TrainingData, seed: int, draft: Path) -> None:
    """The parts of the bundle that are data: catalogue, statistics as of now, and the watchdog's reference."""
    stats = item_stats(data.interactions, data.catalogue, after_all(data.interactions))
    data.catalogue.to_frame().write_parquet(draft / bundle.CATALOGUE)
    stats.write(draft / bundle.ITEM_STATS)
    segments = segment_counts(data.interactions, data.profiles)
    if len(segments):
        segments.write_parquet(draft / bundle.SEGMENTS)
    as_frame(reference_columns(data.interactions, data.catalogue, stats, seed)).write_parquet(draft / bundle.REFERENCE)
    encoder = UserEncoder(draft / bundle.USER_TOWER, np.load(draft / bundle.ITEM_EMBEDDINGS, allow_pickle=False), data.catalogue)
    users = user_reference(data.interactions, encoder, stats.as_of, seed)
    if users is not None:
        users.save(draft / bundle.USER_REFERENCE)
