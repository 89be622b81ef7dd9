"""What online learning adds: the last 20 % of the bundled films in time order, each event predicted and then learned from.

python benchmarks/online_learning.py [--choose] [--queries 6000] [--seed 1]

Three systems predict the same events over the whole catalogue without what the user had seen, ties to the target's loss:
- frozen: towers of the first 80 %, and each user's history as of then;
- history: the same towers, the history follows every event (what every user of Marquee has at least);
- learning: the item vectors follow too (streaming/learner.py), judged before they learn, under the guard.

--choose compares settings of the learner on the events from 70 % to 80 %, with towers of the first 70 %, and writes nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import record
from numpy.typing import NDArray
from tqdm import tqdm

from core.catalogue import Catalogue
from core.datasets.movielens import read_movielens
from core.datasets.splits import before, cutoff
from core.features import UserFeatures
from evaluation.intervals import paired_bootstrap
from evaluation.metrics import hit_rate, ndcg
from evaluation.queries import LabelledQuery, labelled_queries
from feature_repo.transforms import fold_history
from retrieval.config import TrainConfig
from retrieval.encoder import UserEncoder
from retrieval.export import export
from retrieval.history import History, history_of
from retrieval.training import train_towers
from streaming.learner import Example, LearnerConfig, OnlineLearner

K, STEP = 10, 64
CHOICES = [
    LearnerConfig(learning_rate=rate, radius=radius, replayed=replayed)
    for rate, radius, replayed in ((0.01, 0.5, 192), (0.02, 0.5, 192), (0.05, 0.5, 192), (0.02, 1.0, 192), (0.02, 0.5, 0))
]


@dataclass(frozen=True, eq=False)
class World:
    """The towers of everything before a moment, and the events that follow."""

    catalogue: Catalogue
    encoder: UserEncoder
    queries: list[LabelledQuery]
    past: dict[int, UserFeatures]  # as of the moment

    @classmethod
    def of(cls, start: float, end: float, most: int | None, seed: int, work: Path) -> World:
        """Shares of the events in time order between which is predicted."""
        data = read_movielens()
        catalogue = Catalogue.from_frame(data.items)
        config = TrainConfig.load(record.ROOT / "configs/training/demo.toml")
        first, last = cutoff(data.interactions, start), cutoff(data.interactions, end) if end < 1 else float("inf")
        folder = work / f"{start}-{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        trained = train_towers(before(data.interactions, first), catalogue, config, folder, seed=seed, progress=True)
        export(trained, folder)
        encoder = UserEncoder(folder / "user_tower.onnx", trained.item_embeddings, catalogue)
        queries = list(labelled_queries(data.interactions, catalogue, first, last, most, seed=0))
        past = {user.user_id: user for user in fold_history(before(data.interactions, first), catalogue)}
        return cls(catalogue, encoder, queries, past)

    def history(self, user: UserFeatures) -> History:
        return history_of(user, self.catalogue, self.encoder.history_length)

    def examples(self) -> list[Example]:
        return [
            Example(self.history(query.user or UserFeatures(query.user_id)), query.target, query.excluded(self.catalogue))
            for query in self.queries
        ]


def ranks(
    world: World, histories: Sequence[History], examples: Sequence[Example], vectors: NDArray[np.float32]
) -> NDArray[np.int64]:
    """Of the targets, among everything that the user had not seen [m]; another film with the same score stands ahead."""
    scores = world.encoder.encode_histories(histories, vectors) @ vectors.T
    targets = np.array([one.target for one in examples])
    own = scores[np.arange(len(targets)), targets]
    for row, one in enumerate(examples):
        scores[row, one.seen] = -np.inf
    ahead: NDArray[np.int64] = (scores >= own[:, None]).sum(axis=1) - 1
    return ahead


def learned(world: World, examples: list[Example], config: LearnerConfig) -> tuple[NDArray[np.int64], OnlineLearner]:
    """Ranks of every example [m] before it was learned from."""
    learner = OnlineLearner(world.encoder.encode_histories, world.encoder.embeddings, config)
    parts = []
    for start in tqdm(range(0, len(examples), STEP), "learning", leave=False, disable=None):
        batch = examples[start : start + STEP]
        parts.append(ranks(world, [one.history for one in batch], batch, learner.vectors))
        learner.learn(batch)
    return np.concatenate(parts), learner


def fixed(world: World, examples: list[Example], histories: Sequence[History]) -> NDArray[np.int64]:
    parts = [slice(start, start + STEP) for start in range(0, len(examples), STEP)]
    return np.concatenate([ranks(world, histories[part], examples[part], world.encoder.embeddings) for part in parts])


def choose(world: World) -> None:
    examples = world.examples()
    users = np.array([query.user_id for query in world.queries])
    plain = ndcg(fixed(world, examples, [one.history for one in examples]), K)
    print(f"history alone: NDCG@10 {plain.mean():.4f} on {len(examples):,} events")
    for config in CHOICES:
        found, learner = learned(world, examples, config)
        lift = paired_bootstrap(ndcg(found, K), plain, users)
        print(f"{config}: {ndcg(found, K).mean():.4f}, {lift.mean:+.4f} [{lift.low:+.4f}, {lift.high:+.4f}],", end=" ")
        print(f"{learner.guard.rollbacks} rollbacks, version {learner.version}", flush=True)


def judge(world: World, seed: int) -> None:
    examples = world.examples()
    users = np.array([query.user_id for query in world.queries])
    nothing = UserFeatures(0)
    as_of = [world.history(world.past.get(query.user_id, nothing)) for query in world.queries]
    found = {
        "frozen": fixed(world, examples, as_of),
        "history": fixed(world, examples, [one.history for one in examples]),
    }
    found["learning"], learner = learned(world, examples, LearnerConfig())
    metrics = {f"{name} ndcg@10": float(ndcg(one, K).mean()) for name, one in found.items()}
    metrics |= {f"{name} hr@10": float(hit_rate(one, K).mean()) for name, one in found.items()}
    for better, worse in (("history", "frozen"), ("learning", "history")):
        lift = paired_bootstrap(ndcg(found[better], K), ndcg(found[worse], K), users)
        metrics |= {f"{better} minus {worse} {name}": getattr(lift, name) for name in ("mean", "low", "high")}
    metrics |= {"events": float(len(examples)), "rollbacks": float(learner.guard.rollbacks), "versions": float(learner.version)}
    print(record.write("online-learning", read_movielens().digest, metrics, (seed,)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--choose", action="store_true")
    parser.add_argument("--queries", type=int, default=None, help="draw so many events instead of all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path("var/benchmarks/online-learning"))
    given = parser.parse_args()
    if given.choose:
        choose(World.of(0.7, 0.8, given.queries, given.seed, given.work))
    else:
        judge(World.of(0.8, 1.0, given.queries, given.seed, given.work), given.seed)


if __name__ == "__main__":
    main()
