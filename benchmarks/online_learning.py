"""What online learning adds: the last 20 % of the bundled films in time order, each event predicted and then learned from.

python benchmarks/online_learning.py [--choose] [--queries 6000] [--seed 1]

Three systems predict the same events over the whole catalogue without what the user had seen, ties to the target's loss:
- frozen: towers of the first 80 %, and each user's history as of then;
- history: the same towers, the history follows every event (what every user of Marquee has at least);
- learning: the item vectors follow too (streaming/learning/learner.py), judged before they learn, under the guard.

--choose compares settings of the learner on the events from 70 % to 80 %, with towers of the first 70 %, and writes nothing.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import record
from numpy.typing import NDArray
from tqdm import tqdm

from core.catalogue import Catalogue
from core.features import UserFeatures
from datasets.movielens import read_movielens
from datasets.splits import before, cutoff
from evaluation.intervals import paired_bootstrap
from evaluation.metrics import hit_rate, ndcg
from evaluation.queries import LabelledQuery, labelled_queries
from feature_repo.item_stats import item_stats
from feature_repo.transforms import fold_history
from retrieval.config import TrainConfig
from retrieval.encoder import UserEncoder
from retrieval.export import export
from retrieval.history import EncodedHistory
from retrieval.training import train_towers
from streaming.learning.learner import Example, LearnerConfig, OnlineLearner, ranks

K, STEP = 10, 64
CHOICES = [
    LearnerConfig(learning_rate=rate, inertia=inertia, radius=radius)
    for rate, inertia, radius in ((0.1, 1, 1), (0.1, 30, 1), (0.3, 100, 2), (0.3, 100, 0.5), (0.3, 1000, 2), (0.03, 1, 0.5))
]
COLD = 5  # events in training below which a film counts as cold


@dataclass(frozen=True, eq=False)
class EvaluationPeriod:
    """The towers of everything before a moment, and the events that follow."""

    catalogue: Catalogue
    encoder: UserEncoder
    queries: list[LabelledQuery]
    past: dict[int, UserFeatures]  # as of the moment
    known: NDArray[np.float32]  # each item's events before it [n]

    @classmethod
    def of(cls, start: float, end: float, max_queries: int | None, seed: int, work: Path) -> EvaluationPeriod:
        """The events to predict lie between the shares `start` and `end` of all events in time order."""
        data = read_movielens()
        catalogue = Catalogue.from_frame(data.items)
        config = TrainConfig.load(record.ROOT / "configs/training/demo.toml")
        first, last = cutoff(data.interactions, start), cutoff(data.interactions, end) if end < 1 else float("inf")
        folder = work / f"{start}-{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        trained = train_towers(before(data.interactions, first), catalogue, config, folder, seed=seed, progress=True)
        export(trained, folder)
        encoder = UserEncoder(folder / "user_tower.onnx", trained.item_embeddings, catalogue)
        queries = list(labelled_queries(data.interactions, catalogue, first, last, max_queries, seed=0))
        seen = before(data.interactions, first)
        past = {user.user_id: user for user in fold_history(seen, catalogue)}
        return cls(catalogue, encoder, queries, past, item_stats(seen, catalogue, first).n_events)

    def history(self, user: UserFeatures) -> EncodedHistory:
        return self.encoder.history(user)

    def examples(self) -> list[Example]:
        return [
            Example(self.history(query.user or UserFeatures(query.user_id)), query.target, query.excluded(self.catalogue))
            for query in self.queries
        ]


def learned(period: EvaluationPeriod, examples: list[Example], config: LearnerConfig) -> tuple[NDArray[np.int64], OnlineLearner]:
    """Ranks of every example [m] before it was learned from."""
    learner = OnlineLearner(period.encoder.encode_histories, period.encoder.embeddings, period.known, config)
    parts = []
    for start in tqdm(range(0, len(examples), STEP), "learning", leave=False, disable=None):
        batch = examples[start : start + STEP]
        parts.append(ranks(period.encoder.encode_histories, batch, learner.vectors))
        learner.learn(batch)
    return np.concatenate(parts), learner


def fixed(period: EvaluationPeriod, examples: list[Example]) -> NDArray[np.int64]:
    """Ranks of every example [m] by the release alone."""
    parts = [examples[start : start + STEP] for start in range(0, len(examples), STEP)]
    return np.concatenate([ranks(period.encoder.encode_histories, part, period.encoder.embeddings) for part in parts])


def is_cold(period: EvaluationPeriod, examples: list[Example]) -> NDArray[np.bool_]:
    """Which examples [m] ask for a film that training hardly saw."""
    cold: NDArray[np.bool_] = period.known[[one.target for one in examples]] < COLD
    return cold


def choose(period: EvaluationPeriod) -> None:
    examples = period.examples()
    users = np.array([query.user_id for query in period.queries])
    plain, cold = ndcg(fixed(period, examples), K), is_cold(period, examples)
    print(f"history alone: NDCG@10 {plain.mean():.4f} on {len(examples):,} events, {plain[cold].mean():.4f} on cold films")
    for config in CHOICES:
        found, learner = learned(period, examples, config)
        lift = paired_bootstrap(ndcg(found, K), plain, users)
        print(f"{config}: {ndcg(found, K).mean():.4f}, {lift.mean:+.4f} [{lift.low:+.4f}, {lift.high:+.4f}],", end=" ")
        print(f"{ndcg(found, K)[cold].mean():.4f} on cold films, {learner.guard.rollbacks} rollbacks", flush=True)


def judge(period: EvaluationPeriod, seed: int) -> None:
    examples = period.examples()
    users = np.array([query.user_id for query in period.queries])
    nothing = UserFeatures(0)
    as_of = [period.history(period.past.get(query.user_id, nothing)) for query in period.queries]
    frozen = [replace(one, history=history) for one, history in zip(examples, as_of, strict=True)]
    found = {"frozen": fixed(period, frozen), "history": fixed(period, examples)}
    found["learning"], learner = learned(period, examples, LearnerConfig())
    cold = is_cold(period, examples)
    metrics = {f"{name} ndcg@10": float(ndcg(one, K).mean()) for name, one in found.items()}
    metrics |= {f"{name} ndcg@10 cold": float(ndcg(one, K)[cold].mean()) for name, one in found.items()}
    metrics |= {f"{name} hr@10": float(hit_rate(one, K).mean()) for name, one in found.items()}
    for better, worse in (("history", "frozen"), ("learning", "history")):
        lift = paired_bootstrap(ndcg(found[better], K), ndcg(found[worse], K), users)
        metrics |= {f"{better} minus {worse} {name}": getattr(lift, name) for name in ("mean", "low", "high")}
    metrics |= {
        "events": float(len(examples)),
        "events on cold films": float(cold.sum()),
        "rollbacks": float(learner.guard.rollbacks),
        "versions": float(learner.version),
    }
    print(record.write("online-learning", read_movielens().digest, metrics, (seed,)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--choose", action="store_true")
    parser.add_argument("--queries", type=int, default=None, help="draw so many events instead of all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path("var/benchmarks/online-learning"))
    given = parser.parse_args()
    if given.choose:
        choose(EvaluationPeriod.of(0.7, 0.8, given.queries, given.seed, given.work))
    else:
        judge(EvaluationPeriod.of(0.8, 1.0, given.queries, given.seed, given.work), given.seed)


if __name__ == "__main__":
    main()
