"""A Marquee within one process, on a simulated clock: the real parts, with the audience of the drill in front.

Lists come from the service behind the API's routes; events go through the event log and the consumer's functions into features
and lake; registry, ledger, rollouts and watchdog are those of any installation. Nothing is counted or learned from the stream, so
that what is seen is the retraining's doing.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import orjson
import polars as pl

from app.usecases.drill.audience import Audience
from app.usecases.drill.config import EPOCH, TICK, DrillConfig
from core import columns as c
from core.catalogue import Catalogue
from core.events import IMPRESSIONS, INTERACTIONS, LISTS
from core.ports import Record
from evaluation.acceptance import ACCEPTED, ATTRIBUTION_SECONDS, answered_lists
from evaluation.simulation.arrivals import Visit
from evaluation.simulation.simulation import LIST_LENGTH, EventBody
from feature_repo.adapters.memory import MemoryFeatures
from feature_repo.transforms import fold_history
from lake import tables
from lake.adapters.delta import DeltaLake
from lake.items_feed import ItemsFeed, KnownItems
from lifecycle.adapters.memory import FolderRegistry
from lifecycle.ledger import PromotionLedger
from lifecycle.retraining import DAY
from recommender.experiment import Experiment
from recommender.host import RecommenderHost
from recommender.host import Rollouts as FollowedRollouts
from recommender.live import Feeds, LiveRelease, Snapshot
from recommender.policy import Policy
from recommender.release import open_release
from recommender.roles import Page
from retrieval.adapters.mirror import MirrorIndex
from serving.lists.feature_gate import FeatureGate
from serving.lists.service import RecommendService
from streaming.adapters.memory import MemoryEventLog
from streaming.decoding import Contract, decode_all
from streaming.handlers import Rows, impression_rows, known_interaction_rows, list_rows
from streaming.loops.feature_effect import FeatureEffect

_PATIENT_MS = 60_000.0  # of a source: a busy machine must not decide the drill


@dataclass
class SimulatedClock:
    """Unix seconds; somebody has to move it."""

    now: float = EPOCH

    def __call__(self) -> float:
        return self.now

    @property
    def day(self) -> float:
        """Simulated days since the beginning."""
        return (self.now - EPOCH) / DAY


@dataclass(frozen=True)
class StepLists:
    """The lists of one step: how many the people of a group were shown, and how many they took something from."""

    day: float  # at the end of the step
    arm: str
    release: str
    lists: int
    accepted: int


@dataclass
class SmallMarquee:
    """Under `home`, for `config`. `open` it once there is a production release; close it in the end."""

    home: Path
    config: DrillConfig
    clock: SimulatedClock = field(default_factory=SimulatedClock)
    displeasing: dict[str, float] = field(default_factory=dict)  # release -> utility that people lose on its lists

    def __post_init__(self) -> None:
        self.audience = Audience(self.config)
        self.lake = DeltaLake(self.home / "lake")
        self.registry = FolderRegistry(self.home / "registry")
        self.ledger = PromotionLedger(self.lake, self.home / "ledger", self.clock)
        self.policy = _patient(Policy.load("default"))
        self.seen: list[StepLists] = []
        self._features = MemoryFeatures()
        self._log = MemoryEventLog()
        self._topics = {topic: self._log.subscribe(topic, "drill") for topic in (INTERACTIONS, IMPRESSIONS, LISTS)}
        self._step = int(self.config.past_days * DAY / TICK)
        self._service: RecommendService | None = None
        self._loop = asyncio.new_event_loop()
        self.clock.now = EPOCH + self._step * TICK

    def fill(self) -> None:
        """The films and the time before Marquee."""
        self.lake.replace(tables.ITEMS, films_of(self.audience))
        self.catalogue = Catalogue.from_frame(self.lake.read(tables.ITEMS))
        past = self.audience.past()
        self.lake.append(tables.INTERACTIONS, past)
        self._features.write(list(fold_history(past, self.catalogue)))
        self._items = KnownItems(self.lake)
        self._effect = FeatureEffect(self._features, self._items.genres, clock=self.clock)

    def open(self) -> None:
        """Serve the production release."""
        host = RecommenderHost(
            Experiment(),
            {"control": self.policy},
            load=self._load,
            version_of=self.registry.version,
            items=ItemsFeed(self.lake).look,
            interval=0.0,
            rollouts=FollowedRollouts(self.registry.tags),
        )
        gate = FeatureGate(self._features, timeout=60.0)
        self._service = RecommendService(host, gate, self._log, self.clock, shadow_share=0.5)

    def close(self) -> None:
        if self._service is not None:
            self._service.close()
        self._loop.close()

    @property
    def service(self) -> RecommendService:
        if self._service is None:
            raise RuntimeError("there is no release to serve yet")
        return self._service

    def failed_lists(self) -> int:
        """Lists that the release of their arm could not make."""
        return int(self.lake.read(tables.LISTS)[c.FAILED].sum())

    def step(self) -> None:
        """Half a day: people come, are shown lists, take films; then everything is in the lake."""
        start = EPOCH + self._step * TICK
        self.service.host.look()
        self._loop.run_until_complete(self._serve(self.audience.visits(self._step)))
        self._step += 1
        self.clock.now = start + TICK
        self._consume()
        self._count(start)

    async def _serve(self, visits: Iterable[Visit]) -> None:
        for visit in sorted(visits, key=self.audience.moment):
            self.clock.now = self.audience.moment(visit)
            event = self.audience.search(visit) if self.audience.searches(visit) else await self._visit(visit)
            if event is not None:
                self._log.append(INTERACTIONS, [Record(str(visit.user), event[c.EVENT_ID], orjson.dumps(event), self.clock.now)])
        await asyncio.sleep(0.01)  # for the last shadow

    async def _visit(self, visit: Visit) -> EventBody | None:
        request = hashlib.blake2b(f"{self.config.seed} {visit.number}".encode(), digest_size=16).hexdigest()
        made = await self.service.recommend(visit.user, Page(LIST_LENGTH), request_id=request)
        items = made.snapshot.catalogue.ids[made.selection.rows].tolist()
        return self.audience.answer(visit, items, request, self.displeasing.get(made.snapshot.name, 0.0))

    def _consume(self) -> None:
        """What the consumer does with what is in the log."""
        self.service.impressions.flush()
        self.service.outcomes.flush()
        contract, now = Contract(self._items), self.clock()
        for topic, table, rows_of in (
            (IMPRESSIONS, tables.IMPRESSIONS, partial(impression_rows, items=self._items)),
            (LISTS, tables.LISTS, list_rows),
            (INTERACTIONS, tables.INTERACTIONS, partial(known_interaction_rows, contract=contract)),
        ):
            records = self._topics[topic].poll(1_000_000, 0.0)
            if not records:
                continue
            rows: Rows = rows_of(records, now)
            self.lake.append(table, rows.table)
            if topic == INTERACTIONS:
                self._effect.apply(decode_all(records, contract, now)[0])

    def _count(self, start: float) -> None:
        """The acceptance of the step, by arm and release."""
        impressions, interactions = (
            self.lake.read(table).filter(pl.col(c.TS) >= start) for table in (tables.IMPRESSIONS, tables.INTERACTIONS)
        )
        lists = answered_lists(impressions, interactions, ATTRIBUTION_SECONDS)
        groups = lists.group_by(c.ARM, c.MODEL_VERSION, maintain_order=True).agg(pl.len(), pl.col(ACCEPTED).sum())
        self.seen.extend(StepLists(self.clock.day, *row) for row in groups.iter_rows())

    def _load(self, name: str) -> LiveRelease:
        release = open_release(self.registry.fetch(name))
        index = MirrorIndex()
        index.publish(release.name, release.catalogue.ids, release.item_vectors)
        nothing = self.home / "events"  # nobody publishes anything there
        feeds = Feeds(nothing / "stats", nothing / "vectors", nothing / "transitions")
        return LiveRelease(self.registry.version(name), Snapshot.of(release, index), feeds, index, self.clock)


def films_of(audience: Audience) -> pl.DataFrame:
    """The world's films as the lake has them."""
    world = audience.world
    genres = [[f"Genre {g + 1}" for g, has in enumerate(row) if has] for row in world.genres.tolist()]
    titles = [f"Film {item}" for item in world.item_ids.tolist()]
    return pl.DataFrame({c.ITEM: world.item_ids, c.TITLE: titles, c.GENRES: genres}).with_columns(
        pl.lit(None, pl.Int32).alias(c.YEAR)
    )


def _patient(policy: Policy) -> Policy:
    sources = tuple(
        source.model_copy(update={"timeout_ms": _PATIENT_MS}) if "timeout_ms" in type(source).model_fields else source
        for source in policy.sources
    )
    return policy.model_copy(update={"sources": sources})
