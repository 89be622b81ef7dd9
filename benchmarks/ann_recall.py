"""How much approximate search loses: recall of Milvus' HNSW graph against exact search, and what it takes.

On the towers that `configs/training/demo.toml` makes of the bundled data (queries: the users' vectors), and on random vectors.

    python benchmarks/ann_recall.py
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import record
from numpy.typing import NDArray
from private_milvus import private_milvus
from tqdm import tqdm

from core import columns as c
from core.catalogue import Catalogue
from core.settings import CONFIGS
from datasets.movielens import BUNDLED, read_movielens
from feature_repo.transforms import fold_history
from retrieval.adapters.milvus import MilvusIndex, MilvusTuning
from retrieval.adapters.mirror import MirrorIndex
from retrieval.config import TrainConfig
from retrieval.history import history_of
from retrieval.training import train_towers

DEPTHS = (10, 100, 200)
RELEASE = "ann"
Vectors = NDArray[np.float32]


def trained(workdir: Path, config: TrainConfig) -> tuple[Vectors, Vectors, str]:
    """Item vectors [n, d], user vectors [m, d] and the hash of the data."""
    data = read_movielens(BUNDLED)
    catalogue = Catalogue.from_frame(data.items)
    towers = train_towers(data.interactions, catalogue, config, workdir, seed=1, progress=True)
    users = [history_of(user, catalogue, config.history_length) for user in fold_history(data.interactions, catalogue)]
    print(f"{len(catalogue):,} items, {len(users):,} users, {data.interactions[c.ITEM].n_unique():,} items with events")
    return towers.item_embeddings, towers.users(users), data.digest


def random(items: int, queries: int, dim: int) -> tuple[Vectors, Vectors]:
    rng = np.random.default_rng(0)
    return (
        rng.standard_normal((items, dim)).astype(np.float32),
        rng.standard_normal((queries, dim)).astype(np.float32),
    )


def measure(uri: str, items: Vectors, queries: Vectors, tuning: MilvusTuning, efs: list[int]) -> dict[str, float]:
    """Recall at each depth of the deepest search, and its median milliseconds, for exact search in Milvus and for each ef."""
    ids = np.arange(1, len(items) + 1)
    exact = MirrorIndex()
    exact.publish(RELEASE, ids, items)
    truth = [exact.search(RELEASE, query, max(DEPTHS))[0] for query in queries]
    found = {}
    builds = {"flat": replace(tuning, flat_up_to=len(items)), "hnsw": replace(tuning, flat_up_to=0)}
    for kind, build in builds.items():
        index = MilvusIndex(uri, 60, build)
        start = time.perf_counter()
        index.publish(RELEASE, ids, items)
        found[f"{kind}_build_seconds"] = time.perf_counter() - start
        for ef in efs if kind == "hnsw" else [0]:
            searching = MilvusIndex(uri, 60, replace(build, ef=ef))
            name = f"{kind}_ef{ef}" if ef else kind
            found |= {f"{name}_{key}": value for key, value in _searched(searching, queries, truth, name).items()}
    return found


def _searched(index: MilvusIndex, queries: Vectors, truth: list[NDArray[np.int64]], name: str) -> dict[str, float]:
    index.search(RELEASE, queries[0], max(DEPTHS))
    taken, hits = [], dict.fromkeys(DEPTHS, 0)
    for query, best in zip(tqdm(queries, name, leave=False), truth, strict=True):
        start = time.perf_counter()
        found = index.search(RELEASE, query, max(DEPTHS))[0]
        taken.append(time.perf_counter() - start)
        for depth in DEPTHS:
            hits[depth] += len(np.intersect1d(found[:depth], best[:depth]))
    recalls = {f"recall@{depth}": hits[depth] / (depth * len(queries)) for depth in DEPTHS}
    return recalls | {"p50_ms": float(np.median(taken)) * 1e3}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=CONFIGS / "training" / "demo.toml")
    parser.add_argument("--ef", default="200,256,400,800,1600", help="candidates looked at while searching, comma separated")
    parser.add_argument("--m", default=str(MilvusTuning.m), help="edges per node, comma separated")
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--random-items", type=int, default=20_000)
    parser.add_argument("--workdir", type=Path, default=None, help="where the towers are kept for the next time")
    arguments = parser.parse_args()
    config = TrainConfig.load(arguments.config)
    with tempfile.TemporaryDirectory() as folder, private_milvus() as milvus:
        items, users, data = trained(arguments.workdir or Path(folder), config)
        sample = np.random.default_rng(0).permutation(len(users))[: arguments.queries]
        sets = {
            "trained": (items, users[sample]),
            "random": random(arguments.random_items, arguments.queries, config.dim),
        }
        metrics: dict[str, float] = {}
        for name, (table, queries) in sets.items():
            for m in map(int, arguments.m.split(",")):
                efs = [int(ef) for ef in arguments.ef.split(",")]
                for key, value in measure(milvus.uri, table, queries, MilvusTuning(m=m), efs).items():
                    metrics[f"{name}_m{m}_{key}"] = value
                    print(f"{name}_m{m}_{key:<32} {value:8.4f}", flush=True)
    print(record.write("ann-recall", f"ml-latest-small {data}", metrics, (1,)))


if __name__ == "__main__":
    main()
