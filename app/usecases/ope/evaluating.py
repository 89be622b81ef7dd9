"""Lake, registry and a policy -> what the logs say of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

import polars as pl

from app import wiring
from app.hosting import policies_of
from app.usecases import steps
from core import columns as c
from core.bundle import read_manifest
from core.errors import InvalidInput, NotFound
from core.ports import ModelRegistry
from core.settings import Settings
from evaluation.ope.analysis import Analysis, AnalysisConfig, analyse
from evaluation.ope.logs import IMPRESSION_COLUMNS, logged_lists
from evaluation.ope.replay import LogReplay
from evaluation.ope.stored import StoredDraws
from lake import recent, tables
from lake.items_feed import KnownItems
from lake.ports import Lake
from lifecycle.counterfactual import TAG, Counterfactual
from recommender.experiment import Experiment
from recommender.live import Snapshot
from recommender.policy import Policy
from recommender.release import open_release
from retrieval.adapters.mirror import MirrorIndex

_HOUR = 3600.0


@dataclass(frozen=True)
class PolicyQuestion:
    """What is to be judged. `release` is a version or an alias; None is the release that made each list."""

    policy: Policy
    since: float  # Unix seconds
    release: str | None = None
    max_lists: int = 5000
    seed: int = 0
    config: AnalysisConfig = field(default_factory=AnalysisConfig)


@dataclass(frozen=True)
class Found:
    """The answer, and what it rests on."""

    question: PolicyQuestion
    analysis: Analysis
    policies: tuple[str, ...]  # ids of those that made the logs
    releases: tuple[str, ...]  # that made them
    left_out: dict[str, int]  # lists, by reason
    now: float
    seconds: float


def evaluate(
    settings: Settings, question: PolicyQuestion, begin: Callable[[int], object], advance: Callable[[], object]
) -> Found:
    """`begin` learns how many lists there are, `advance` is called after each.

    Raises NotFound without lists or data, Unsupported for logs without propensities.
    """
    began, now = time.monotonic(), time.time()
    lake, registry = wiring.lake(settings), wiring.registry(settings)
    stored = steps.stored(settings)
    impressions = recent.since(lake, tables.IMPRESSIONS, question.since, IMPRESSION_COLUMNS)
    if impressions.is_empty():
        raise NotFound("no list was shown in this time; serve some with `marquee up`, or name an earlier --since")
    attribution = settings.attribution_hours * _HOUR
    lists = logged_lists(impressions, stored.interactions, now, attribution, question.max_lists, question.seed)
    begin(len(lists.lists))
    wanted = None if question.release is None else release_name(registry, question.release)
    replay = LogReplay(
        stored.interactions,
        recent.since(lake, tables.IMPRESSIONS, 0.0, (c.ITEM, c.TS)),
        snapshots(lake, registry),
        logging_policies(lake),
        (lambda name: name) if wanted is None else (lambda _: wanted),
        stored.profiles,
        stored_draws(lake, question.since, [one.request_id for one in lists.lists]),
    )
    found = replay.run(lists.lists, question.policy, advance)
    return Found(
        question,
        analyse(found, question.config),
        tuple(sorted({one.policy for one in lists.lists})),
        tuple(sorted({one.release for one in lists.lists})),
        {**lists.left_out, **found.left_out},
        now,
        time.monotonic() - began,
    )


def stored_draws(lake: Lake, since: float, requests: Sequence[str]) -> StoredDraws:
    """What the lists of these requests were drawn from."""
    rows = recent.since(lake, tables.LISTS, since - _HOUR, (c.REQUEST_ID, c.MADE_FROM))
    wanted = rows.filter(pl.col(c.MADE_FROM).is_not_null() & pl.col(c.REQUEST_ID).is_in(list(requests)))
    return StoredDraws(wanted.iter_rows())


def remember(settings: Settings, found: Found) -> bool:
    """Tell the gate, where the question was whether a release, as it would be served, is worse than what made the logs.

    Returns whether it was. What was asked of another policy than the one that is served says nothing about a release.
    """
    question = found.question
    if question.release is None or question.policy.id != served_policy(settings).id:
        return False
    verdict, registry = found.analysis.verdict, wiring.registry(settings)
    note = Counterfactual(answer=verdict.answer, why=verdict.line(), policy=question.policy.id, at=found.now)
    registry.tag(registry.version(question.release), TAG, note.model_dump_json())
    return True


def served_policy(settings: Settings) -> Policy:
    """That of the experiment's largest arm."""
    experiment = Experiment.load(settings.experiment)
    return policies_of(settings, experiment)[experiment.largest]


def logging_policies(lake: Lake) -> dict[str, Policy]:
    """Every policy that ever made lists and that this code still understands, by its id."""
    found = {}
    for id_, name, body in tables.read_or_empty(lake, tables.POLICIES).select(c.POLICY_ID, c.NAME, c.BODY).iter_rows():
        try:
            policy = Policy.stored(name, body)
        except InvalidInput:  # a part or a setting that is gone: its lists cannot be replayed, which the report says
            continue
        if policy.id == id_:
            found[id_] = policy
    return found


def release_name(registry: ModelRegistry, version_or_alias: str) -> str:
    """What impressions call a version. Raises NotFound."""
    return read_manifest(registry.fetch(version_or_alias)).release


def snapshots(lake: Lake, registry: ModelRegistry) -> Callable[[str], Snapshot | None]:
    """Releases by name, as they were built, with what is known of items now; None for one that the registry lost."""
    versions = {one.tags.get("release", ""): one.version for one in registry.versions()}
    facts = KnownItems(lake).facts

    @cache
    def snapshot(name: str) -> Snapshot | None:
        if name not in versions:
            return None
        release, index = open_release(registry.fetch(versions[name])), MirrorIndex()
        index.publish(release.name, release.catalogue.ids, release.item_vectors)
        return Snapshot.of(release, index).with_facts(facts)

    return snapshot


def policy_names(lake: Lake, ids: tuple[str, ...]) -> list[str]:
    """For people: name and id."""
    known = tables.read_or_empty(lake, tables.POLICIES).filter(pl.col(c.POLICY_ID).is_in(ids))
    names = dict(known.select(c.POLICY_ID, c.NAME).iter_rows())
    return [f"{names.get(one, 'not on record')} ({one})" for one in ids]
