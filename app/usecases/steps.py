"""The steps from raw data to a live release. Each reports what it did, and does nothing if it was done before."""

from __future__ import annotations

import logging
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from app import wiring
from app.code_version import code_version
from app.ops.ownership import sole_builder
from app.usecases import lake_content, loading, releasing
from core import columns as c
from core.bundle import read_manifest
from core.catalogue import Catalogue
from core.errors import BundleCorrupt, NotFound, SchemaMismatch
from core.features import Profiles
from core.ports import Echo
from core.settings import Settings
from core.words import counted
from datasets.dataset import Dataset
from lake import tables
from lake.item_keys import settle
from lake.ports import Lake

if TYPE_CHECKING:
    from recommender.release import Release

_log = logging.getLogger(__name__)
LICENCE = "that of the data set; for MovieLens see NOTICE: acknowledged, not endorsed, not commercial"

BUNDLED, BUNDLED_PRESET = "ml-latest-small", "demo"
NO_DATA = "there is no data yet; load the bundled films with `marquee data load`, or import your own"


@dataclass(frozen=True)
class Stored:
    """What is in the lake."""

    interactions: pl.DataFrame
    catalogue: Catalogue
    data_version: dict[str, int]
    profiles: Profiles  # users' static attributes by user id
    tags: pl.DataFrame  # what users called items, and when


def stored(settings: Settings) -> Stored:
    """Everything that training and materialisation read. Raises NotFound when nothing was loaded."""
    lake = wiring.lake(settings)
    versions = _versions(lake)
    if min(versions.values()) < 0:
        raise NotFound(NO_DATA)
    interactions = tables.owned(lake.read(tables.INTERACTIONS, versions[tables.INTERACTIONS]))
    catalogue = Catalogue.from_frame(lake.read(tables.ITEMS, versions[tables.ITEMS]))
    profiles = tables.read_or_empty(lake, tables.USERS).select(c.USER, c.PROFILE)
    return Stored(interactions, catalogue, versions, dict(profiles.iter_rows()), tables.read_or_empty(lake, tables.TAGS))


def events(settings: Settings, *columns: str) -> pl.DataFrame:
    """These columns of every event, and those that `owned` needs; `stored` without the rest, for processes that stay.

    Raises NotFound when nothing was loaded.
    """
    found = wiring.lake(settings).follow(tables.INTERACTIONS, [*tables.OWNED_BY, *columns]).look()
    if found is None:
        raise NotFound(NO_DATA)
    return tables.owned(found.rows)


def external_ids(*tables: pl.DataFrame) -> dict[int, str]:
    """What the company calls the users whose ids are no whole numbers, by key; of interactions, and of users without any."""
    names: dict[int, str] = {}
    for table in tables:
        names |= dict(table.select(c.USER, c.EXTERNAL_USER).drop_nulls().unique(c.USER).iter_rows())
    return names


def _versions(lake: Lake) -> dict[str, int]:
    """Of the tables that a release is made from; -1 for one that was never written."""
    return {table: lake.version(table) for table in (tables.INTERACTIONS, tables.ITEMS)}


class Timed:
    """Prints what each step did and how long it took."""

    def __init__(self, echo: Echo) -> None:
        self._echo = echo
        self.seconds: dict[str, float] = {}

    def step(self, name: str, work: Callable[[Echo], None]) -> None:
        self._echo(f"[bold]{name}[/]")
        start = time.perf_counter()
        work(lambda line: self._echo(f"  {line}"))
        self.seconds[name] = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # KiB on Linux; of the process so far
        self._echo(f"  [dim]{self.seconds[name]:.1f} s, peak memory so far {peak:.2f} GiB[/]")


def build(settings: Settings, preset: str | None, seed: int, promote_it: bool, echo: Echo) -> str:
    """Train and register a release from what the lake holds; returns its registry version.

    `preset` is named as in `Preset.named`; None is `usual_preset`.
    """
    version = releasing.register(settings, make_bundle(settings, preset, seed, settings.folder("train"), echo), echo)
    if promote_it:
        releasing.promote(settings, version, force=False, dry_run=False, echo=echo)
    return version


def make_bundle(settings: Settings, preset: str | None, seed: int, workdir: Path, echo: Echo) -> Path:
    """Train a release from what the lake holds, in `workdir`; returns its bundle. Raises AlreadyRunning beside another build."""
    from app.hosting import policies_of
    from app.usecases.weighing import for_ranking
    from lifecycle.build import TrainingData, build_release
    from lifecycle.cuts import BuildConfig
    from ranking.mlp_config import MlpConfig
    from ranking.ranker_training import RankerConfig
    from recommender.experiment import Experiment
    from recommender.release import expected_schema
    from retrieval.preset import Preset
    from retrieval.threads import training_threads

    found, chosen = stored(settings), Preset.named(preset or usual_preset(settings))
    interactions = for_ranking(settings, wiring.lake(settings), found.interactions)
    experiment = Experiment.load(settings.experiment)
    with sole_builder(settings.home), training_threads(settings.train_threads) as threads:
        return build_release(
            TrainingData(
                interactions,
                found.catalogue,
                found.data_version,
                _described(settings, found),
                LICENCE,
                found.profiles,
                found.tags,
            ),
            BuildConfig(
                ranker=RankerConfig(threads=min(RankerConfig().threads, threads)),
                mlp=MlpConfig() if settings.mlp_ranker else None,
            ),
            chosen,
            workdir,
            policy=policies_of(settings, experiment)[experiment.largest],
            feature_schema=expected_schema(),
            code_version=code_version(settings),
            seed=seed,
            echo=echo,
            production=_production(settings),
        )


def _production(settings: Settings) -> Release | None:
    """The release to compare with. One that this code cannot read is none, which is said; a retraining's gate then refuses."""
    from recommender.release import open_release

    try:
        return open_release(wiring.registry(settings).fetch("production"))
    except NotFound:
        return None
    except (BundleCorrupt, SchemaMismatch) as error:
        _log.warning("production cannot be compared with: %s", error.detail)
        return None


def usual_preset(settings: Settings) -> str:
    """The data choose, except for the bundled films: theirs was chosen once, by `marquee tune` (docs/benchmarks.md)."""
    return BUNDLED_PRESET if lake_content.loaded_name(settings) == BUNDLED else "auto"


def extend(settings: Settings, found: tuple[pl.DataFrame, Mapping[str, int]] | None, dry_run: bool, echo: Echo) -> None:
    """Make the production release know films that came later, and promote what comes of it.

    The films `found` (with `core.items.ITEM_SCHEMA`) and the keys of their ids go into the lake first; those that it has stay as
    they are there.
    """
    from lifecycle.extend import extend_release, new_films

    lake = wiring.lake(settings)
    items = lake.read(tables.ITEMS)
    if found is not None:
        films, keys = found
        films = films.filter(~pl.col(c.ITEM).is_in(items[c.ITEM].implode()))
        items = pl.concat([items, films], how="diagonal_relaxed")
    production = wiring.registry(settings).fetch("production")
    new = new_films(production, Catalogue.from_frame(items))
    some = ", ".join(new[c.TITLE].head(3).to_list())
    echo(f"new to release {read_manifest(production).release}: {counted(len(new), 'film')}" + (f": {some}" if some else ""))
    if dry_run or new.is_empty():
        return
    with sole_builder(settings.home):
        if found is not None:
            moved = settle(lake, keys)
            films, new = (rows.with_columns(pl.col(c.ITEM).replace(moved)) for rows in (films, new))
            lake.revise(tables.ITEMS, lambda stored: films.filter(~pl.col(c.ITEM).is_in(stored[c.ITEM].implode())), [c.ITEM])
        folder = extend_release(production, new, _versions(lake), settings.folder("train"))
    releasing.promote(settings, releasing.register(settings, folder, echo), force=False, dry_run=False, echo=echo)
    echo("running processes take it up within seconds")


def _described(settings: Settings, found: Stored) -> str:
    events = found.interactions
    return (
        f"{lake_content.loaded_name(settings)}: {counted(len(events), 'event')} of {counted(events[c.USER].n_unique(), 'user')}."
    )


def publish(settings: Settings, echo: Echo) -> None:
    """Ensure that Milvus has the production release's vectors and that its alias points at them."""
    from app.bars import Bars
    from app.hosting import fetched
    from recommender.release import open_release

    release = open_release(fetched(wiring.registry(settings), "production"))
    with Bars() as bar:
        task = bar.add_task("embeddings to Milvus", total=len(release.catalogue))
        index = wiring.milvus(settings, lambda rows: bar.advance(task, rows))
        if index.ready(release.name):
            echo(f"Milvus has release {release.name} already")
            return
        index.publish(release.name, release.catalogue.ids, release.item_vectors)
    echo(f"Milvus: {len(release.catalogue):,} embeddings of {release.manifest.dim} dimensions, release {release.name}")


def require_release(settings: Settings) -> None:
    """Raises NotFound that says what to do when there is none; the copy of one that was deleted from the registry is one."""
    from app.hosting import fetched

    try:
        fetched(wiring.registry(settings), "production")
    except NotFound as error:
        if error.extensions.get("versions"):
            raise
        content = lake_content.content(settings)
        make = "`marquee demo`, or `marquee init`" if content.empty else f"`marquee init`, of what the lake holds: {content}"
        raise NotFound(f"there is no production release yet; make one with {make}") from error


def prepare(settings: Settings, read: Callable[[], Dataset], preset: str | None, echo: Echo) -> None:
    """Data, features and a release, each unless it is there."""
    timed = Timed(echo)
    timed.step("1 data", lambda echo: loading.fill(settings, read, echo))

    def features(echo: Echo) -> None:
        from app.usecases.features import materialize

        if lake_content.features_were_made(settings):
            echo("features are materialised already")
            return
        version = wiring.lake(settings).version(tables.INTERACTIONS)
        materialize(settings, echo)
        lake_content.features_made(settings, version)

    def release(echo: Echo) -> None:
        try:
            require_release(settings)
        except NotFound:
            build(settings, preset, seed=1, promote_it=True, echo=echo)
            return
        if _of_other_data(settings):
            echo("the production release was made from data that the lake holds no longer")
            releasing.promote(
                settings, build(settings, preset, 1, promote_it=False, echo=echo), force=True, dry_run=False, echo=echo
            )
        else:
            echo("there is a production release already; `marquee release build` makes another")

    timed.step("2 features", features)
    timed.step("3 release", release)


def _of_other_data(settings: Settings) -> bool:
    """Whether the production release was made before `--replace` emptied the lake."""
    since = lake_content.marked(settings).get("since")
    from app.hosting import fetched

    seen = read_manifest(fetched(wiring.registry(settings), "production")).data_version.get(tables.INTERACTIONS, -1)
    return since is not None and seen < int(since)
