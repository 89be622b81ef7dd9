"""A catalogue of a million items and a million users on one machine: training, writing to Milvus, and approximate search.

Synthetic events: items by a Zipf law, each user within one of a thousand interests, so that there is something to learn. The
towers learn for one epoch with sampled softmax. Loss is printed to show that they do; accuracy on made-up data means nothing.

    python benchmarks/scale.py [--items 1000000 --users 1000000 --events-per-user 5]
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
import record
import torch
from private_milvus import private_milvus
from tqdm import tqdm

from core import columns as c
from core.catalogue import Catalogue
from retrieval.adapters.milvus import MilvusIndex
from retrieval.adapters.mirror import MirrorIndex
from retrieval.config import TrainConfig
from retrieval.training import train_towers

INTERESTS, DEPTH, RELEASE = 1000, 200, "scale"
CONFIG = TrainConfig.of(
    dim=64, blocks=2, heads=2, loss="mixed", negatives=1024, epochs=1, batch_events=8192, history_length=50, validation_share=0.0
)


def peak() -> float:
    """GiB that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def made_up(items: int, users: int, per_user: int) -> tuple[Catalogue, pl.DataFrame]:
    """Films of an interest each, and users who stay within theirs nine times out of ten."""
    rng = np.random.default_rng(0)
    interest = rng.integers(INTERESTS, size=items)
    by_interest = np.argsort(interest, kind="stable")
    starts = np.searchsorted(interest[by_interest], np.arange(INTERESTS + 1))
    popular = ((items + 1) ** rng.random(users * per_user)).astype(np.int64) - 1  # log-uniform: Zipf's law
    user = np.repeat(np.arange(1, users + 1), per_user)
    own = np.repeat(rng.integers(INTERESTS, size=users), per_user)
    within = by_interest[starts[own] + popular % np.maximum(1, starts[own + 1] - starts[own])]
    row = np.where(rng.random(len(user)) < 0.9, within, popular)
    films = pl.DataFrame({c.ITEM: np.arange(1, items + 1), c.YEAR: 1950 + interest % 70}).with_columns(
        pl.format("Film {}", c.ITEM).alias(c.TITLE), pl.Series(c.GENRES, [[f"Genre {g % 20}"] for g in interest])
    )
    events = pl.DataFrame({c.USER: user, c.ITEM: row + 1, c.TS: rng.permutation(len(user)).astype(np.float64)})
    return Catalogue.from_frame(films), events.with_columns(pl.lit("rating").alias(c.KIND), pl.lit(4.0).alias(c.VALUE))


def searched(index: MilvusIndex, items: np.ndarray, users: np.ndarray, ids: np.ndarray) -> dict[str, float]:
    """Recall against exact search, and milliseconds, one query at a time."""
    exact = MirrorIndex()
    exact.publish(RELEASE, ids, items)
    index.search(RELEASE, users[0], DEPTH)
    found, taken, truly = [], [], []
    for user in tqdm(users, "searching", leave=False):
        begun = time.perf_counter()
        found.append(index.search(RELEASE, user, DEPTH)[0])
        taken.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        truth = exact.search(RELEASE, user, DEPTH)[0]
        truly.append(time.perf_counter() - begun)
        found[-1] = np.intersect1d(found[-1], truth)
    return {
        f"recall@{DEPTH}": float(np.mean([len(hits) for hits in found])) / DEPTH,
        "search_p50_ms": float(np.median(taken)) * 1e3,
        "exact_p50_ms": float(np.median(truly)) * 1e3,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--events-per-user", type=int, default=5)
    parser.add_argument("--queries", type=int, default=200)
    wanted = parser.parse_args()
    catalogue, events = made_up(wanted.items, wanted.users, wanted.events_per_user)
    metrics = {"items": float(wanted.items), "users": float(wanted.users), "events": float(len(events)), "data_peak_gib": peak()}
    with tempfile.TemporaryDirectory() as folder, private_milvus() as milvus:
        begun = time.perf_counter()
        towers = train_towers(events, catalogue, CONFIG, Path(folder), seed=1, progress=True)
        seconds = time.perf_counter() - begun
        metrics |= {"train_seconds": seconds, "events_per_second": len(events) / seconds, "train_peak_gib": peak()}
        metrics |= {"loss": towers.metrics["loss"], "threads": float(torch.get_num_threads())}
        print(metrics, flush=True)
        begun = time.perf_counter()
        with tqdm(total=len(catalogue), desc="embeddings to Milvus", unit="item") as bar:
            index = MilvusIndex(milvus.uri, 60.0, written=bar.update)
            index.tuning = type(index.tuning)(write_timeout=1800.0)
            index.publish(RELEASE, catalogue.ids, towers.item_embeddings)
        metrics |= {"publish_seconds": time.perf_counter() - begun, "milvus_gib": milvus.rss, "milvus_disk_gib": milvus.disk}
        drawn = np.random.default_rng(0).integers(wanted.items, size=wanted.queries)
        metrics |= searched(index, towers.item_embeddings, towers.item_embeddings[drawn], catalogue.ids)
    for name, value in metrics.items():
        print(f"{name:<24} {value:14.3f}")
    if wanted.items == wanted.users == 1_000_000:
        print(record.write("scale", "synthetic, seed 0", metrics, (1,)))


if __name__ == "__main__":
    main()
