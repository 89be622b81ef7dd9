"""How much better the first list is for what a new user was asked: the items of `GET /onboarding`, beside the most popular ones.

    python benchmarks/asking.py [--set films|music|commerce|...] [--epochs 12]

Learns from the first half of the events and asks users whose first event comes later. A user is taken to know, of the items that
are shown, those that the same user takes up later, and answers with them; the list is made from the answers alone. It is asked
for the first `TARGETS` items that the user takes up and that no way of asking shows, so that all ways are judged on the same
items, and items that were shown are in no list.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
import record
from cold_users import CONFIG, released
from generated import GENERATED, bare_catalogue
from numpy.typing import NDArray

from core import columns as c
from core.answers import Answers
from core.catalogue import Catalogue
from core.features import UserFeatures
from core.kinds import TARGETS as TARGET_KINDS
from datasets.registry import read_any
from datasets.splits import before, cutoff, in_time_order
from evaluation.comparison import lift
from evaluation.metrics import ndcg
from evaluation.ranking import NOT_FOUND
from recommender.live import Snapshot
from recommender.onboarding_choice import worth_asking
from recommender.policy import Policy
from recommender.recommender import Offline
from recommender.roles import Constraints, Context, Page, Query
from retrieval.config import TrainConfig

FILMS = "films"
SHOWN = (6, 12, 24)
TARGETS, MAX_USERS, K = 10, 400, 10
Ways = dict[str, NDArray[np.intp]]


def read(name: str) -> tuple[pl.DataFrame, Catalogue]:
    """Events and catalogue of a set."""
    if name == FILMS:
        found = read_any("ml-latest-small")
        return found.interactions, Catalogue.from_frame(found.items)
    events, n = GENERATED[name](np.random.default_rng(7))
    return events, bare_catalogue(n)


def newcomers(events: pl.DataFrame, catalogue: Catalogue, cut: float) -> list[list[int]]:
    """The rows of what each new user takes up, in time order; of at most `MAX_USERS` of those with enough."""
    later = in_time_order(events.filter((pl.col(c.TS).min().over(c.USER) >= cut) & pl.col(c.KIND).is_in(list(TARGET_KINDS))))
    taken = [list(dict.fromkeys(items)) for items in later.group_by(c.USER, maintain_order=True).agg(c.ITEM)[c.ITEM].to_list()]
    rows = [catalogue.known_rows(items).tolist() for items in taken]
    enough = [one for one in rows if len(one) >= 2]
    drawn = np.sort(np.random.default_rng(1).permutation(len(enough))[:MAX_USERS])
    return [enough[at] for at in drawn.tolist()]


def ways_of(now: Snapshot, k: int) -> Ways:
    """Catalogue rows to ask about, by how they are chosen."""
    popular = np.argsort(-now.stats.n_events, kind="stable")
    well_known = popular[:500]
    return {
        "asked": worth_asking(now, np.ones(len(now.catalogue), dtype=np.bool_), k),
        "popular": popular[:k],
        "drawn": np.random.default_rng(2).choice(well_known, min(k, len(well_known)), replace=False),
        "nothing": popular[:0],
    }


def judged(now: Snapshot, users: list[list[int]], ways: Ways) -> tuple[dict[str, NDArray[np.int64]], NDArray[np.int64]]:
    """The rank of each target in the list of each way, and the user of each target."""
    everything = np.unique(np.concatenate(list(ways.values())))
    ids, left_out = now.catalogue.ids, set(everything.tolist())
    targets = [[row for row in taken if row not in left_out][:TARGETS] for taken in users]
    exclude = Context(constraints=Constraints(exclude=frozenset(ids[everything].tolist())))
    ranks: dict[str, NDArray[np.int64]] = {}
    with Offline(now, Policy.load("default").scored_by("retrieval").greedy()) as offline:
        for name, rows in ways.items():
            told = [Answers(items=tuple(ids[[row for row in rows.tolist() if row in set(taken)]].tolist())) for taken in users]
            queries = [
                Query(f"q{at}", at + 1, 0.0, at, UserFeatures(at + 1, profile=one.tokens()), Page(K), exclude)
                for at, one in enumerate(told)
            ]
            places = [{row: at for at, row in enumerate(made.selection.rows.tolist())} for made in offline.recommend(queries)]
            found = [where.get(row, NOT_FOUND) for where, wanted in zip(places, targets, strict=True) for row in wanted]
            ranks[name] = np.array(found, dtype=np.int64)
    return ranks, np.repeat(np.arange(len(users)), [len(wanted) for wanted in targets])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", default=FILMS, choices=[FILMS, *GENERATED])
    parser.add_argument("--epochs", type=int, default=0, help="fewer than the configuration has")
    given = parser.parse_args()
    events, catalogue = read(given.set)
    cut = cutoff(events, 0.5)
    users = newcomers(events, catalogue, cut)
    config = TrainConfig.load(CONFIG)
    config = config.model_copy(update={"epochs": given.epochs}) if given.epochs else config
    metrics: dict[str, float] = {"users": float(len(users))}
    with tempfile.TemporaryDirectory() as folder:
        now = released(before(events, cut), catalogue, {}, config, Path(folder))
        for k in SHOWN:
            ranks, keys = judged(now, users, ways_of(now, k))
            metrics |= {f"{name} ndcg@{K} of {k}": float(ndcg(found, K).mean()) for name, found in ranks.items()}
            gain = lift(ranks["asked"], ranks["popular"], keys)
            metrics |= {f"asked - popular of {k} low": gain.low, f"asked - popular of {k} high": gain.high}
            print(f"{k} shown: " + ", ".join(f"{name} {ndcg(found, K).mean():.4f}" for name, found in ranks.items()), gain)
    record.write(f"asking-{given.set}", given.set, metrics, (1,))


if __name__ == "__main__":
    main()
