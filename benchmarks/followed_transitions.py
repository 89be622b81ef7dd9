"""What it adds that item-to-item transitions follow the stream: the last 20 % of the events in time order, predicted one by one.

    python benchmarks/followed_transitions.py ml-latest-small seasons commerce

Transitions alone, without towers, rank the whole catalogue without what the user had seen: as counted in the first 80 %, and with
what the consumer's counter adds after every 64 events. The users' histories follow every event in both. The interval is of the
difference of NDCG@10, paired bootstrap over users, 95 %.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import numpy as np
import record
from generated import GENERATED, bare_catalogue
from numpy.typing import NDArray
from tqdm import tqdm

from core.catalogue import Catalogue
from core.features import UserFeatures
from datasets.registry import read_any
from datasets.splits import before, cutoff
from evaluation.intervals import paired_bootstrap
from evaluation.metrics import ndcg
from evaluation.queries import LabelledQuery, labelled_queries, ties_for
from evaluation.ranking import K, ranks_of
from retrieval.history import history_of
from retrieval.item_to_item import ItemToItem
from retrieval.transitions import GrownTransitions, TransitionModelConfig, Transitions
from streaming.learning.learner import Example
from streaming.learning.transition_counter import TransitionCounter

FILMS, STEP, JUDGED = "ml-latest-small", 64, 6_000


def ranked(table: ItemToItem, queries: Sequence[LabelledQuery], catalogue: Catalogue) -> NDArray[np.int64]:
    scores = table.scores_of([query.user for query in queries], catalogue)
    targets = np.array([query.target for query in queries], dtype=np.intp)
    excluded, ties = [query.excluded(catalogue) for query in queries], [ties_for(query.user_id, catalogue) for query in queries]
    return ranks_of(scores, targets, excluded, np.stack(ties))


def example(query: LabelledQuery, catalogue: Catalogue) -> Example:
    """As the consumer makes it of the event."""
    user = query.user or UserFeatures(query.user_id)
    return Example(history_of(user, catalogue, 100), query.target, query.excluded(catalogue))


def row(name: str) -> dict[str, float]:
    if name == FILMS:
        data = read_any(FILMS)
        events, catalogue = data.interactions, Catalogue.from_frame(data.items)
    else:
        events, n = GENERATED[name](np.random.default_rng(1))
        catalogue = bare_catalogue(n)
    moment = cutoff(events, 0.8)
    built = Transitions.fit(before(events, moment), catalogue)
    queries = [query for query in labelled_queries(events, catalogue, moment, np.inf) if query.user is not None]
    judged = np.zeros(len(queries), dtype=np.bool_)
    judged[np.random.default_rng(0).permutation(len(queries))[:JUDGED]] = True
    counter, now = TransitionCounter(len(catalogue), TransitionModelConfig().window), built
    frozen, followed, seconds = [], [], 0.0
    for start in tqdm(range(0, len(queries), STEP), name, leave=False):
        batch = queries[start : start + STEP]
        asked = [query for query, is_judged in zip(batch, judged[start : start + STEP], strict=True) if is_judged]
        if asked:
            frozen.append(ranked(built, asked, catalogue))
            followed.append(ranked(now, asked, catalogue))
        examples = [example(query, catalogue) for query in batch]
        began = time.perf_counter()
        counter.count(examples)
        now = GrownTransitions(built, counter.counts)
        seconds += time.perf_counter() - began
    users = np.array([query.user_id for query, is_judged in zip(queries, judged, strict=True) if is_judged])
    old, new = (ndcg(np.concatenate(ranks), K) for ranks in (frozen, followed))
    gain, base = paired_bootstrap(new, old, users), float(old.mean())
    print(
        f"| {name} | {len(queries):,} | {base:.4f} | {new.mean():.4f} "
        f"| {gain.mean / base:+.1%} [{gain.low / base:+.1%}, {gain.high / base:+.1%}] "
        f"| {counter.counts.nnz:,} | {seconds / len(queries) * STEP * 1e3:.1f} |",
        flush=True,
    )
    figures = {"frozen ndcg@10": base, "followed ndcg@10": float(new.mean()), "gain": gain.mean / base}
    figures |= {"gain low": gain.low / base, "gain high": gain.high / base, "pairs": counter.counts.nnz}
    return {f"{name} {key}": value for key, value in figures.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", choices=[FILMS, *GENERATED])
    given = parser.parse_args()
    print("| data | events | frozen | followed | gain | pairs | ms a step of 64 events |")
    print("|---|---|---|---|---|---|---|", flush=True)
    metrics: dict[str, float] = {}
    for name in given.sets:
        metrics |= row(name)
    record.write("followed-transitions", "ml-latest-small and generated with seed 1", metrics, (1,))


if __name__ == "__main__":
    main()
