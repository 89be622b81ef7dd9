"""Films that training never saw: a tenth of the catalogue is taken out of the training events and asked for afterwards.

python benchmarks/cold_items.py --tmdb PATH/tmdb_movies.parquet [--seeds 1,2]

Bundled ratings; training ends at 80 % of the events, tags are as of that moment, and the film's overview, people and
keywords are from the TMDB file. Asked for is each later event on a cold film, given what its user did before it. A rank is
among all films (`all_`), and among the cold ones alone (`cold_`), where popularity cannot tell one from another.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import record
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from app.usecases.enriching import from_file
from core import columns as c
from core.catalogue import Catalogue
from core.items import with_details, with_tags
from core.ordering import tie_hash
from datasets.dataset import Dataset
from datasets.registry import read_any
from datasets.splits import before, cutoff
from evaluation.baselines.popularity import Popularity
from evaluation.metrics import hit_rate, ndcg
from evaluation.queries import LabelledQuery, labelled_queries
from evaluation.ranking import Model, ranks_of
from evaluation.two_tower import TwoTowerModel
from retrieval.config import TrainConfig
from retrieval.content import Vocabulary, content_tokens

COLD_SHARE = 10  # one film in so many
TRAINED_UNTIL = 0.8
CONFIG = Path("configs/training/demo.toml")
WORKDIR = Path("var/benchmarks/cold-items")


class Random:
    """Every film alike: the fixed hash that breaks ties decides."""

    name = "random"

    def fit(self, train: pl.DataFrame, catalogue: Catalogue) -> None:  # noqa: ARG002 - a model may learn
        self._n_items = len(catalogue)

    def scores(self, queries: Sequence[LabelledQuery]) -> NDArray[np.float32]:
        return np.zeros((len(queries), self._n_items), dtype=np.float32)


class ContentMean:
    """Cosine of a film's tf-idf vector and the mean of those in the user's history (Lops et al. 2011): no learning."""

    name = "content"

    def fit(self, train: pl.DataFrame, catalogue: Catalogue) -> None:  # noqa: ARG002 - a model may learn
        tokens = content_tokens(catalogue)
        vocabulary = Vocabulary.of(tokens)
        bags = vocabulary.bags(tokens)
        shape = (len(catalogue), len(vocabulary))
        vectors = csr_matrix((bags.weights, bags.rows, bags.offsets), shape=shape)
        lengths = np.sqrt(vectors.multiply(vectors).sum(axis=1)).A1
        self._vectors = vectors.multiply(1 / np.maximum(lengths, 1e-9)[:, None]).tocsr()
        self._catalogue = catalogue

    def scores(self, queries: Sequence[LabelledQuery]) -> NDArray[np.float32]:
        histories = [query.excluded(self._catalogue) for query in queries]
        columns = np.concatenate(histories)
        rows = np.repeat(np.arange(len(queries)), [len(history) for history in histories])
        history = csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=(len(queries), len(self._catalogue)))
        scores: NDArray[np.float32] = (history @ self._vectors @ self._vectors.T).toarray().astype(np.float32)
        return scores


@dataclass(frozen=True, eq=False)
class Question:
    """What may be learned from, and what is asked for."""

    rich: Catalogue  # with everything that is known of a film
    bare: Catalogue  # title, genres and year only
    train: pl.DataFrame
    queries: tuple[LabelledQuery, ...]
    cold: NDArray[np.bool_]  # [n] by catalogue row


def question(dataset: Dataset, tmdb: Path) -> Question:
    cut = cutoff(dataset.interactions, TRAINED_UNTIL)
    rich = Catalogue.from_frame(with_details(with_tags(dataset.items, dataset.tags, cut), from_file(tmdb)))
    cold = tie_hash(np.zeros_like(rich.ids), rich.ids) % np.uint64(COLD_SHARE) == 0
    later = labelled_queries(dataset.interactions, rich, cut, float("inf"))
    return Question(
        rich=rich,
        bare=Catalogue.from_frame(dataset.items),
        train=before(dataset.interactions, cut).filter(~pl.col(c.ITEM).is_in(rich.ids[cold])),
        queries=tuple(query for query in later if query.user is not None and cold[query.target]),
        cold=cold,
    )


def judge(model: Model, asked: Question, catalogue: Catalogue) -> dict[str, float]:
    """Metrics of one model, among all films and among the cold ones."""
    model.fit(asked.train, catalogue)
    parts: dict[str, list[NDArray[np.int64]]] = {"all": [], "cold": []}
    for start in range(0, len(asked.queries), 256):
        queries = asked.queries[start : start + 256]
        scores = np.array(model.scores(queries))
        targets = np.array([query.target for query in queries])
        excluded = [query.excluded(catalogue) for query in queries]
        ties = tie_hash(np.array([[query.user_id] for query in queries]), catalogue.ids[None, :])
        parts["all"].append(ranks_of(scores, targets, excluded, ties))
        scores[:, ~asked.cold] = -np.inf
        parts["cold"].append(ranks_of(scores, targets, excluded, ties))
    ranks = {among: np.concatenate(found) for among, found in parts.items()}
    metrics = {f"{among}_recall@{k}": float(hit_rate(found, k).mean()) for among, found in ranks.items() for k in (50, 200)}
    metrics |= {f"{among}_hr@10": float(hit_rate(found, 10).mean()) for among, found in ranks.items()}
    return metrics | {f"{among}_ndcg@10": float(ndcg(found, 10).mean()) for among, found in ranks.items()}


def towers(asked: Question, catalogue: Catalogue, name: str, seeds: Sequence[int], **changed: object) -> dict[str, float]:
    """The mean over seeds."""
    config = TrainConfig.of(**{**TrainConfig.load(CONFIG).model_dump(), "validation_share": 0.0, **changed})
    runs = [judge(TwoTowerModel(config, WORKDIR / name, seed, True), asked, catalogue) for seed in seeds]
    return {metric: float(np.mean([run[metric] for run in runs])) for metric in runs[0]}


def named(name: str, metrics: Mapping[str, float]) -> dict[str, float]:
    print(name, {metric: round(value, 4) for metric, value in metrics.items()}, flush=True)
    return {f"{name}_{metric}": value for metric, value in metrics.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tmdb", type=Path, required=True)
    parser.add_argument("--seeds", default="1,2")
    given = parser.parse_args()
    seeds = tuple(int(seed) for seed in given.seeds.split(","))
    dataset = read_any("ml-latest-small")
    asked = question(dataset, given.tmdb)
    metrics = {"queries": float(len(asked.queries)), "cold_films": float(asked.cold.sum())}
    for model in (Random(), Popularity(), ContentMean()):
        metrics |= named(model.name, judge(model, asked, asked.rich))
    metrics |= named("content_bare", judge(ContentMean(), asked, asked.bare))
    metrics |= named("towers", towers(asked, asked.rich, "rich", seeds))
    metrics |= named("towers_without_spectral", towers(asked, asked.rich, "rich", seeds, spectral_rank=0))
    metrics |= named("towers_bare", towers(asked, asked.bare, "bare", seeds))
    print(record.write("cold-items", f"ml-latest-small {dataset.digest}", metrics, seeds))


if __name__ == "__main__":
    main()
