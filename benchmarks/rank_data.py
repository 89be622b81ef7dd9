"""The data sets of `ranker.py`, and what their sources learned, in one zip file a set that a machine with a GPU can write.

A set is split as a release is built: the sources learn the past, the ranker learns from their candidates for the events after
that, and the sources then learn everything before the events that are judged.
"""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl
from generated import GENERATED, bare_catalogue

from core import bundle
from core import columns as c
from core.catalogue import Catalogue
from datasets.registry import read_any
from datasets.splits import before, cutoff, in_time_order
from evaluation.blended import Learner
from evaluation.blending import BlendWeights
from evaluation.protocols import folds_of, last_events
from evaluation.queries import LabelledQuery, labelled_queries
from feature_repo.item_stats import item_stats
from lifecycle.cuts import BuildConfig, after_all
from lifecycle.unranked import unranked
from recommender.live import Snapshot
from retrieval.ease import EaseTable
from retrieval.export import export
from retrieval.preset import Preset
from retrieval.transitions import Transitions

CUTS = (0.5, 0.6, 0.7, 0.8, 0.9)  # of the films' rolling folds
FILMS, WHOLE, SHORT = "films", "ml-1m", "short-ml-1m"
SETS = (*(f"{FILMS}-{cut}" for cut in CUTS), WHOLE, SHORT, *GENERATED)
TOWERS_UNTIL = 0.8  # share of a fold's training events
TWIN, REFIT = "twin", "refit"
_WEIGHTS, _ITEMS = "weights.json", "items.npy"


@dataclass(frozen=True, eq=False)
class RankData:
    """One set: `past` is before the events of `learnt_from`, `train` before those of `judged`."""

    catalogue: Catalogue
    past: pl.DataFrame
    train: pl.DataFrame
    learnt_from: Sequence[LabelledQuery]
    judged: Sequence[LabelledQuery]
    digest: str


def read_set(name: str, data: Path, learnt_from: int = BuildConfig().ranker_queries) -> RankData:
    """A rolling fold of the bundled films, or a set by leave-one-out, with so many queries at most for the ranker to learn from.

    `data` is where ml-1m-sequences.zip is.
    """
    if name.startswith(FILMS):
        films = read_any("ml-latest-small")
        catalogue = Catalogue.from_frame(films.items)
        folds = folds_of("successive", films.interactions, catalogue, folds=len(CUTS))
        fold = folds[[f"{FILMS}-{cut}" for cut in CUTS].index(name)]
        cut, end = cutoff(fold.train, TOWERS_UNTIL), after_all(fold.train)
        asked = list(labelled_queries(fold.train, catalogue, cut, end, learnt_from, seed=1))
        return RankData(catalogue, before(fold.train, cut), fold.train, asked, fold.queries, "ml-latest-small")
    if name in GENERATED:
        events, n = GENERATED[name](np.random.default_rng(1))
        catalogue, digest = bare_catalogue(n), "generated with seed 1"
    else:
        from any_data import short

        whole = read_any(str(data / "ml-1m-sequences.zip"))
        events, catalogue, digest = whole.interactions, Catalogue.from_frame(whole.items), "ml-1m-sequences"
        events = short(events) if name == SHORT else events
    fold = folds_of("loo", events, catalogue)[0]
    past, asked = _without_latest(fold.train, catalogue, 3 if name == WHOLE else 1, learnt_from)
    return RankData(catalogue, past, fold.train, asked, fold.queries, digest)


def _without_latest(
    train: pl.DataFrame, catalogue: Catalogue, m: int, n_queries: int
) -> tuple[pl.DataFrame, list[LabelledQuery]]:
    """All but each user's m latest events, of which one at least stays, and some of those events as queries."""
    at, n = pl.int_range(pl.len()).over(c.USER), pl.len().over(c.USER)
    ordered = in_time_order(train).with_columns(at=at, later=(at >= n - m) & (at >= 1))
    ordered = ordered.sort(c.USER, maintain_order=True)
    ends = np.flatnonzero(ordered["later"].to_numpy())
    past, plain = ordered.filter(~pl.col("later")), ordered.drop("at", "later")
    asked = list(last_events(plain, ends - ordered["at"].to_numpy()[ends], ends, catalogue))
    kept = np.random.default_rng(1).permutation(len(asked))[:n_queries]
    return past.drop("at", "later"), [asked[one] for one in np.sort(kept)]


def learn(name: str, found: RankData, preset: Preset, folder: Path, workdir: Path, seed: int) -> Path:
    """Train the sources twice, and write the item vectors (half precision), the user towers and the weights of the blend."""
    learner = Learner(found.catalogue, {}, preset, workdir / name, seed)
    twin, blend = learner.choose(found.past, found.learnt_from)
    refit = learner.refit(found.train, twin, blend.weights)
    path = folder / f"{name}.zip"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file, tempfile.TemporaryDirectory() as exported:
        for which, learned in ((TWIN, twin), (REFIT, refit)):
            export(learned.towers, Path(exported))
            file.write(Path(exported) / bundle.USER_TOWER, f"{which}/{bundle.USER_TOWER}")
            vectors = io.BytesIO()
            np.save(vectors, learned.towers.item_embeddings.astype(np.float16), allow_pickle=False)
            file.writestr(f"{which}/{_ITEMS}", vectors.getvalue())
        file.writestr(_WEIGHTS, json.dumps(asdict(blend.weights)))
    return path


def snapshot(path: Path, which: str, events: pl.DataFrame, catalogue: Catalogue, folder: Path, **changed: float) -> Snapshot:
    """What the recommender needs of a set that `learn` wrote; the item-to-item tables are counted anew from the same events.

    `changed` are weights of the blend in place of those that were chosen.
    """
    with zipfile.ZipFile(path) as file:
        weights = json.loads(file.read(_WEIGHTS))
        vectors = np.load(io.BytesIO(file.read(f"{which}/{_ITEMS}")), allow_pickle=False).astype(np.float32)
        tower = folder / path.stem / which / bundle.USER_TOWER
        tower.parent.mkdir(parents=True, exist_ok=True)
        tower.write_bytes(file.read(f"{which}/{bundle.USER_TOWER}"))
    chosen = BlendWeights(**{**weights, **changed})
    ease = EaseTable.fit(events, catalogue, [chosen.ridge])[chosen.ridge]
    tables = Transitions.fit(events, catalogue), ease
    return unranked(tower.parent, catalogue, vectors, tables, chosen, item_stats(events, catalogue, np.inf))
