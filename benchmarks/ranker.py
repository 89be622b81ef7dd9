"""What the ranker adds: its order of the candidates against that of the best single source, and against their blend.

    python benchmarks/ranker.py films-0.9 ml-1m seasons            # or --help for all sets
    python benchmarks/ranker.py ml-1m --preset ml-1m --learn DIR   # only train, into DIR: for a machine with a GPU
    python benchmarks/ranker.py ml-1m --learned DIR                # with what was trained there
    python benchmarks/ranker.py films-0.9 --mlp                    # judges the MLP as well
    python benchmarks/ranker.py ml-1m --queries 20000              # the ranker learns from more than a build's default

Sources learn the past, the ranker learns from the candidates that the default policy makes for later events, the sources learn
everything before the judged events, and the ranker that was learned on the twin orders their candidates: as a release is built.
`films-*` are the five rolling cut-offs of the bundled ratings, all others leave-one-out. A target that is no candidate counts as
not found. Intervals: paired bootstrap over users, 95 %. `oracle`: the best that any order of these candidates can reach. After
several folds of the films a last line has all queries together, each fold against its own best single source.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import record
from numpy.typing import NDArray
from rank_data import FILMS, REFIT, SETS, TWIN, RankData, learn, read_set, snapshot
from tqdm import tqdm

from evaluation.intervals import paired_bootstrap
from evaluation.metrics import hit_rate, ndcg
from evaluation.queries import LabelledQuery
from evaluation.ranking import NOT_FOUND, K
from lifecycle.cuts import BuildConfig
from lifecycle.judging import DEPTH, ranking_rows, requests
from ranking.mlp import MlpRanker
from ranking.mlp_config import MlpConfig
from ranking.mlp_training import train_mlp
from ranking.ranker import Ranker
from ranking.ranker_training import RankerConfig, train_ranker
from ranking.ranking_rows import RankingRows
from recommender.candidates import Candidates
from recommender.live import Snapshot
from recommender.parts.scorers import RankScorer, in_sources_order
from recommender.policy import Policy
from recommender.recommender import Offline
from recommender.roles import Query, Scorer
from retrieval.preset import Preset

SOURCES = ("two_tower", "transitions", "ease")
BLEND, RANKER, MLP = "blend", "ranker", "mlp"
DEPTHS = (200, 500)
MAX_JUDGED, MAX_RECALLED = 10_000, 1_000  # queries
NEW, HEAVY = 10, 50  # events of a history: below, from
COLD, POPULAR = 5, 0.9  # events of an item: below; share of the catalogue that is less popular
MIN_SLICE = 200  # queries, below which a slice says nothing


def some(queries: Sequence[LabelledQuery], n: int) -> list[LabelledQuery]:
    """Those with a history, at most n, evenly spaced."""
    known = [query for query in queries if query.user is not None]
    return known if len(known) <= n else [known[at] for at in np.linspace(0, len(known) - 1, n).astype(int)]


def default_policy() -> Policy:
    return Policy.load("default").scored_by("retrieval").greedy()


def rank_in(scores: NDArray[np.float32], hit: NDArray[np.bool_]) -> int:
    """The rank of the hit by scores [n], from 0; NaN is no candidate."""
    own = scores[hit]
    return int((scores > own[0]).sum()) if len(own) and not np.isnan(own[0]) else NOT_FOUND


@dataclass(frozen=True, eq=False)
class Judged:
    """Ranks of the targets [m] by each order of the same candidates, and of the union in any order."""

    ranks: Mapping[str, NDArray[np.int64]]
    is_candidate: NDArray[np.bool_]

    @classmethod
    def of(cls, now: Snapshot, rankers: Mapping[str, Ranker | MlpRanker], queries: Sequence[LabelledQuery]) -> Judged:
        names = (*SOURCES, BLEND, *rankers)
        ranks = {name: np.full(len(queries), NOT_FOUND, dtype=np.int64) for name in names}
        inside = np.zeros(len(queries), dtype=np.bool_)
        orders: dict[str, Scorer] = {name: RankScorer(name, one) for name, one in rankers.items()}
        with Offline(now, default_policy()) as offline:
            for at, (query, asked, found) in enumerate(_candidates(offline, queries)):
                primary = found.primary
                hit = (found.rows == query.target)[primary]
                inside[at] = hit.any()
                by = {name: found.scores_of(name)[primary] for name in SOURCES}
                by[BLEND] = in_sources_order(now).together(asked, found)[primary]
                by |= {name: order.score(asked, found)[primary] for name, order in orders.items()}
                for name, scores in by.items():
                    ranks[name][at] = rank_in(scores, hit)
        return cls(ranks, inside)

    @property
    def best_single(self) -> str:
        return max(SOURCES, key=lambda name: float(ndcg(self.ranks[name], K).mean()))


def _candidates(offline: Offline, queries: Sequence[LabelledQuery]) -> Iterator[tuple[LabelledQuery, Query, Candidates]]:
    asked = list(requests(queries, DEPTH))
    made = offline.candidates(asked)
    yield from zip(queries, asked, tqdm(made, "candidates", len(queries), leave=False, disable=None), strict=True)


def recall(now: Snapshot, queries: Sequence[LabelledQuery]) -> dict[str, float]:
    """The share of targets among the first 200 and 500 of each source, and of the union of all in the blend's order."""
    policy = default_policy()
    deep = tuple(one.model_copy(update={"k": max(DEPTHS)}) for one in policy.sources)
    ranks: dict[str, list[int]] = {name: [] for name in (*SOURCES, "union")}
    with Offline(now, policy.model_copy(update={"sources": deep})) as offline:
        for query, asked, found in _candidates(offline, queries):
            primary = found.primary
            hit = (found.rows == query.target)[primary]
            for name in SOURCES:
                ranks[name].append(rank_in(found.scores_of(name)[primary], hit))
            ranks["union"].append(rank_in(in_sources_order(now).together(asked, found)[primary], hit))
    return {f"recall@{k} {name}": float((np.array(own) < k).mean()) for k in DEPTHS for name, own in ranks.items()}


def slices(found: RankData, queries: Sequence[LabelledQuery], counts: NDArray[np.float32]) -> dict[str, NDArray[np.bool_]]:
    """Which queries [m] belong to which part of the users, items and genres."""
    length = np.array([len(query.user.item_ids) if query.user else 0 for query in queries])
    targets = np.array([query.target for query in queries], dtype=np.intp)
    events, popular = counts[targets], np.quantile(counts, POPULAR)
    parts = {
        "new users": length < NEW,
        "light users": (length >= NEW) & (length < HEAVY),
        "heavy users": length >= HEAVY,
        "cold items": events < COLD,
        "long-tail items": (events >= COLD) & (events < popular),
        "popular items": events >= popular,
    }
    genres = found.catalogue.genres[targets] > 0
    parts |= {f"genre {name}": genres[:, at] for at, name in enumerate(found.catalogue.genre_names)}
    return {name: inside for name, inside in parts.items() if inside.sum() >= MIN_SLICE}


def compared(judged: Judged, users: NDArray[np.int64], parts: Mapping[str, NDArray[np.bool_]]) -> dict[str, float]:
    """The figures of all queries and of each slice."""
    base, figures = judged.best_single, {}
    for name, ranks in judged.ranks.items():
        figures |= {f"ndcg@10 {name}": float(ndcg(ranks, K).mean()), f"hr@10 {name}": float(hit_rate(ranks, K).mean())}
    figures["oracle ndcg@10"] = float(judged.is_candidate.mean())
    for other in (base, BLEND):
        for metric, name in ((ndcg, "ndcg@10"), (hit_rate, "hr@10")):
            mine, theirs = metric(judged.ranks[RANKER], K), metric(judged.ranks[other], K)
            lead, against = paired_bootstrap(mine, theirs, users), "best single" if other == base else BLEND
            figures |= {f"{name} lead over {against} {part}": getattr(lead, part) for part in ("mean", "low", "high")}
            figures[f"{name} lead over {against} relative"] = lead.mean / max(float(theirs.mean()), 1e-9)
    if MLP in judged.ranks:
        lead = paired_bootstrap(ndcg(judged.ranks[MLP], K), ndcg(judged.ranks[RANKER], K), users)
        figures |= {f"ndcg@10 lead of the mlp over the ranker {part}": getattr(lead, part) for part in ("mean", "low", "high")}
    for name, inside in parts.items():
        mine, theirs = (ndcg(judged.ranks[one][inside], K) for one in (RANKER, base))
        lead = paired_bootstrap(mine, theirs, users[inside])
        figures |= {f"{name}: queries": float(inside.sum()), f"{name}: ndcg@10 ranker": float(mine.mean())}
        figures |= {f"{name}: lead {part}": getattr(lead, part) for part in ("mean", "low", "high")}
    return figures


def trained(rows: RankingRows, seed: int) -> Ranker:
    return train_ranker(rows, RankerConfig(), seed)


@dataclass(frozen=True, eq=False)
class Pair:
    """Of each query [m]: the user, and the ranks of its target by the ranker and by the best single source."""

    users: NDArray[np.int64]
    ranker: NDArray[np.int64]
    single: NDArray[np.int64]


def row(name: str, given: argparse.Namespace) -> Pair:
    """Measure one set, print a line, and record it."""
    found = read_set(name, given.data, given.queries)
    folder = given.learned or given.workdir / "learned"
    path = folder / f"{name}.zip"
    if not path.is_file():
        path = learn(name, found, Preset.named(given.preset), folder, given.workdir, given.seed)
    twin = snapshot(path, TWIN, found.past, found.catalogue, given.workdir)
    rows = ranking_rows(some(found.learnt_from, given.queries), twin, default_policy())
    ranker = trained(rows, given.seed)
    now = snapshot(path, REFIT, found.train, found.catalogue, given.workdir)
    queries = some(found.judged, MAX_JUDGED)
    rankers = {RANKER: ranker} | ({MLP: train_mlp(rows, MlpConfig(), given.seed)} if given.mlp else {})
    judged = Judged.of(now, rankers, queries)
    users = np.array([query.user_id for query in queries], dtype=np.int64)
    figures = {"queries": float(len(queries)), "learnt from": float(len(rows.groups))}
    figures |= {"trees": float(ranker.trees), "weight of the sources' order": ranker.order_weight}
    figures |= compared(judged, users, slices(found, queries, now.stats.n_events)) | recall(now, some(queries, MAX_RECALLED))
    gains = sorted(ranker.importance().items(), key=lambda one: -one[1])[:10]
    figures |= {f"share of gain {feature}": share for feature, share in gains}
    lead = [figures[f"ndcg@10 lead over best single {part}"] for part in ("relative", "low", "high")]
    print(
        f"| {name} | {len(queries):,} | {judged.best_single} {figures[f'ndcg@10 {judged.best_single}']:.4f} "
        f"| {figures['ndcg@10 blend']:.4f} | {figures['ndcg@10 ranker']:.4f} | {lead[0]:+.1%} [{lead[1]:+.4f}, {lead[2]:+.4f}] "
        f"| {figures['hr@10 lead over best single mean']:+.4f} | {figures['ndcg@10 lead over blend relative']:+.1%} "
        f"| {figures['oracle ndcg@10']:.3f} |",
        flush=True,
    )
    more = "" if given.queries == BuildConfig().ranker_queries else f"-{given.queries}"
    record.write(f"ranker-{name}{more}", found.digest, figures, (given.seed,))
    return Pair(users, judged.ranks[RANKER], judged.ranks[judged.best_single])


def together(pairs: Sequence[Pair], given: argparse.Namespace) -> None:
    """The lead over all folds of the films; a user may be in several of them, and is drawn with all."""
    users = np.concatenate([pair.users for pair in pairs])
    figures = {"queries": float(len(users)), "users": float(len(np.unique(users)))}
    for metric, name in ((ndcg, "ndcg@10"), (hit_rate, "hr@10")):
        mine, theirs = (np.concatenate([metric(ranks, K) for ranks in side]) for side in _sides(pairs))
        lead = paired_bootstrap(mine, theirs, users)
        figures |= {f"{name} ranker": float(mine.mean()), f"{name} best single": float(theirs.mean())}
        figures |= {f"{name} lead {part}": getattr(lead, part) for part in ("mean", "low", "high")}
        figures[f"{name} lead relative"] = lead.mean / max(float(theirs.mean()), 1e-9)
        print(f"{len(pairs)} folds together: {name} {figures[f'{name} lead relative']:+.1%} [{lead.low:+.4f}, {lead.high:+.4f}]")
    record.write(f"ranker-{FILMS}-together", "ml-latest-small", figures, (given.seed,))


def _sides(pairs: Sequence[Pair]) -> tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]]:
    return [pair.ranker for pair in pairs], [pair.single for pair in pairs]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=[f"{FILMS}-0.9"], help=", ".join(SETS))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="where ml-1m-sequences.zip is")
    parser.add_argument("--preset", default="auto", help="of the towers' training")
    parser.add_argument("--learn", type=Path, help="only train, and write what was learned into this folder")
    parser.add_argument("--learned", type=Path, help="a folder that --learn wrote")
    parser.add_argument("--mlp", action="store_true", help="train the MLP as well, and judge its order too")
    parser.add_argument("--queries", type=int, default=BuildConfig().ranker_queries, help="for the ranker to learn from")
    parser.add_argument("--workdir", type=Path, default=Path("var/benchmarks/ranker"))
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if unknown := set(given.sets) - set(SETS):
        parser.error(f"unknown data set {', '.join(sorted(unknown))}; known: {', '.join(SETS)}")
    if given.learn:
        for name in given.sets:
            found = read_set(name, given.data)
            print(learn(name, found, Preset.named(given.preset), given.learn, given.workdir, given.seed))
        return
    print("| data | queries | best source | blend | ranker | lead over the best source | HR@10 | over the blend | oracle |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    measured = {name: row(name, given) for name in given.sets}
    folds = [pair for name, pair in measured.items() if name.startswith(FILMS)]
    if len(folds) > 1:
        together(folds, given)


if __name__ == "__main__":
    main()
