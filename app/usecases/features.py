"""User features from what the lake holds: materialised, backfilled, and compared with what is online."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from app import wiring
from app.usecases import steps
from app.usecases.weighing import signal_weights
from core import columns as c
from core.errors import DependencyUnavailable, InvalidInput
from core.features import USER_SCHEMA, UserFeatures
from core.ids import ExternalId
from core.ports import Echo, FeatureReader
from core.progress import watched
from core.settings import Settings
from core.words import counted
from feature_repo.adapters.feast_store import FeastFeatures
from feature_repo.engines.batch import batch_features as polars_features
from feature_repo.engines.spark import local_session, spark_frame
from feature_repo.signals import Signals, popularity
from feature_repo.table import to_users
from feature_repo.transforms import GENRE_TOLERANCE, item_genres
from lake.tables import INTERACTIONS, USERS, read_or_empty

ENGINES = ("polars", "spark")
_BATCH = 1000  # users of one write
_LISTED = 10  # users that a report names
_EXACT = tuple(name for name in (one.split(":")[0] for one in USER_SCHEMA) if name not in ("genre_weights", "applied_offset"))


def signals(settings: Settings, interactions: pl.DataFrame) -> Signals:
    """The weights of events. Popularity is that of the imported history, which no event changes: stream and batch agree on it."""
    return Signals(signal_weights(settings), popularity(interactions.filter(pl.col(c.OFFSET) < 0)))


def batch_features(settings: Settings, engine: str = "polars") -> list[UserFeatures]:
    """Every user's features by the batch definition, from the lake as it is now. Raises InvalidInput for another engine."""
    if engine not in ENGINES:
        raise InvalidInput("--engine", engine, " or ".join(ENGINES))
    found = steps.stored(settings)
    genres, weigh = item_genres(found.catalogue), signals(settings, found.interactions)
    names = steps.external_ids(read_or_empty(wiring.lake(settings), USERS), found.interactions)

    def named(users: pl.DataFrame) -> list[UserFeatures]:
        return [replace(one, external_id=names[one.user_id]) if one.user_id in names else one for one in to_users(users)]

    if engine == "polars":
        return named(polars_features(found.interactions, genres, weigh, found.profiles))
    session = local_session()
    try:
        files = wiring.lake(settings).files(INTERACTIONS)
        return named(spark_frame(session, files, genres, weigh, found.profiles))
    finally:
        session.stop()


def materialize(settings: Settings, echo: Echo, online: bool = True, engine: str = "polars") -> None:
    """Fold the lake's history into user features, offline and, unless the consumer runs, online.

    Users whose online features hold more than the lake does (the consumer was killed before its last append) keep them.
    """
    store = wiring.features(settings)
    store.apply()
    users = batch_features(settings, engine)
    store.write_offline(users)
    if not online:
        echo(f"{counted(len(users), 'user')} in the offline store; the online one is left to the consumer")
        return
    ahead = [known for user in users if (known := store.read(user.user_id)) and _is_ahead(known, user)]
    store.materialize()
    store.write(ahead)
    _report_lost(store, users, echo)
    echo(
        f"{counted(len(users), 'user')} in the offline and the online store"
        + (f", {len(ahead)} kept newer ones" if ahead else "")
    )


def backfill(settings: Settings, dry_run: bool, echo: Echo, engine: str = "polars") -> None:
    """Write every user's features online from the lake, replacing what is there: after Redis lost them or holds bad ones.

    Users whose online features hold more than the lake does keep them, so no event is lost by it.
    """
    store = wiring.features(settings)
    users = batch_features(settings, engine)
    what = f"the features of {len(users):,} users, with {sum(user.n_events for user in users):,} events"
    if dry_run:
        echo(f"would write {what}; nothing was done")
        return
    store.apply()
    ahead = unclear = 0
    for start in watched(range(0, len(users), _BATCH), f"online, batches of {_BATCH} users"):
        stale = []
        for user in users[start : start + _BATCH]:
            online = _readable(store, user.user_id)
            if online is not None and _is_ahead(online, user):
                ahead += 1
                continue
            unclear += online is not None and online.applied_offset > user.applied_offset
            stale.append(user)
        store.rewrite(stale)
    echo(f"online again: {what}" + (f"; {counted(ahead, 'user')} kept newer ones" if ahead else ""))
    _report_lost(store, users, echo)
    if unclear:
        echo(
            f"{unclear:,} users had events online that the lake does not have yet: start the consumer, let it catch up, "
            "stop it with Ctrl-C, and backfill once more"
        )


def _report_lost(store: FeastFeatures, users: Sequence[UserFeatures], echo: Echo) -> None:
    """Count what is stored: a Redis that evicts takes every write and keeps what fits."""
    gone = store.count_missing([user.user_id for user in users])
    if gone:
        why = store.concern() or "give the online store more memory"
        echo(
            f"{gone:,} of {len(users):,} users that were written are not in the online store: {why}; "
            "then `marquee features backfill`"
        )


def _readable(store: FeatureReader, user_id: int) -> UserFeatures | None:
    """What is online, or None where it cannot be read: then there is nothing to lose."""
    try:
        return store.read(user_id)
    except DependencyUnavailable:
        return None


@dataclass(frozen=True)
class Skew:
    """Users whose online features are not those of the batch definition."""

    checked: int
    ahead: int  # hold events that the lake does not have yet
    missing: list[ExternalId]
    different: dict[ExternalId, list[str]]  # user -> names of features

    @property
    def found(self) -> bool:
        return bool(self.missing or self.different)

    def lines(self) -> Iterator[str]:
        yield f"{counted(self.checked, 'user')} compared, {self.ahead:,} of them hold events that the lake does not have yet"
        yield f"{len(self.missing):,} are missing online" + _named(self.missing)
        yield f"{len(self.different):,} differ" + _named(self.different)
        for user, names in list(self.different.items())[:_LISTED]:
            yield f"  user {user}: {', '.join(names)}"


def verify(settings: Settings, sample: int, seed: int) -> Skew:
    """Compare the online features of `sample` users, drawn at random, with the batch definition over the lake."""
    users = batch_features(settings)
    drawn = np.random.default_rng(seed).permutation(len(users))[:sample]
    store = wiring.features(settings)
    missing: list[ExternalId] = []
    different: dict[ExternalId, list[str]] = {}
    ahead = 0
    for at in watched(sorted(drawn.tolist()), "users compared"):
        batch = users[at]
        online = store.read(batch.user_id)
        if online is None:
            missing.append(batch.external_id or batch.user_id)
        elif _is_ahead(online, batch):
            ahead += 1
        elif names := differences(online, batch):
            different[batch.external_id or batch.user_id] = names
    return Skew(len(drawn), ahead, missing, different)


def differences(online: UserFeatures, batch: UserFeatures) -> list[str]:
    """Names of the features that differ; genre weights, sums in the order of arrival, may within their tolerance."""
    names = [name for name in _EXACT if not np.array_equal(getattr(online, name), getattr(batch, name))]
    weights = online.genre_weights, batch.genre_weights
    if "genres" not in names and not np.allclose(*weights, rtol=GENRE_TOLERANCE):
        names.append("genre_weights")
    return names


def _is_ahead(online: UserFeatures, batch: UserFeatures) -> bool:
    """Both tests are needed: a store that came back empty has late offsets, but histories without their beginning."""
    return online.applied_offset > batch.applied_offset and online.n_events >= batch.n_events


def _named(users: Iterable[ExternalId]) -> str:
    names = [str(user) for user in users]
    return f": {', '.join(names[:_LISTED])}{', ...' if len(names) > _LISTED else ''}" if names else ""
